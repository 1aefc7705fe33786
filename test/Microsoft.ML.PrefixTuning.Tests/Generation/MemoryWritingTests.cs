using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Texts by memories outside of the softmax, against passes over all tokens.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class MemoryWritingTests
{
    private const int Count = 6;

    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    /// <summary>Rows of two memories and of none, in one batch.</summary>
    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Generate_ByMemories_WritesWhatWholePassesSay(string shape) =>
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            using var scope = new TensorScope();
            using PrefixTensors one = PrefixTensors.Make(Memories.Random(model.Spec, 1, 0.3), model);
            using PrefixTensors other = PrefixTensors.Make(Memories.Random(model.Spec, 2, 0.3), model);
            PrefixTensors?[] memories = [one, null, other, one];
            int[][] sources = [.. memories.Select((_, row) => Enumerable.Range(0, 5 + row % 3)
                .Select(i => (3 + 7 * i + row) % model.Spec.VocabularySize).ToArray())];
            using var writer = new BatchWriter(model, new GenerationRules { MaxNewTokens = Count });

            IReadOnlyList<GeneratedSequence[]> written = writer.Generate(
                [.. sources.Zip(memories, (source, memory) => new GenerationPrompt(source, memory))]);

            for (int row = 0; row < sources.Length; row++)
            {
                CollectionAssert.AreEqual(ByWholePasses(model, sources[row], memories[row]), written[row][0].Ids,
                    $"{shape}, row {row}");
            }
            return true;
        });

    /// <summary>The most probable tokens behind a source, for each of which all are read anew.</summary>
    private static int[] ByWholePasses(LanguageModel model, int[] source, PrefixTensors? memory)
    {
        var written = new List<int>();
        while (written.Count < Count)
        {
            TargetStates states = TargetStates.Make(model, [new TrainingExample(source, [.. written, 0])],
                memory?.Sites ?? SitePrefixes.None);
            Tensor last = states.Hidden[written.Count];
            written.Add((int)model.Logits(last.unsqueeze(0)).argmax().item<long>());
        }
        return [.. written];
    }
}
