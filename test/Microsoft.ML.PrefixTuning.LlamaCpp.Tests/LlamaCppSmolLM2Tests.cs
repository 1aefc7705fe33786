using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>
/// Section f of the golden values of SmolLM2, whose packaged file is quantised: greedy texts with section c's prefix,
/// with 16 bits a kept number.
/// </summary>
[TestClass]
[TestCategory("Parity")]
public sealed class LlamaCppSmolLM2Tests
{
    // The others are no rows of the task, and nearly a tie where llama.cpp rounds what it multiplies to 8 bits.
    private const int TaskPrompts = 3;

    [TestMethod]
    public void Generate_OfGoldenPromptsOfTheTask_EqualsReference()
    {
        string folder = Fixtures.Require(Fixtures.SmolLM2);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")));
        JsonElement section = json.RootElement.GetProperty("f");
        using var engine = new LlamaEngine(
            LlamaModel.Load(LlamaBase.Read(SmolLM2.Instruct135M), new LlamaCppOptions(), threads: null));
        using PrefixTensors prefix = engine.Place(GoldenPrefix(folder, engine.Spec));
        var rules = new GenerationRules { MaxNewTokens = 40, EndIds = engine.Spec.Tokens.Ends, BatchSize = 12 };
        int[][] sources = [.. section.GetProperty("prompt_ids").EnumerateArray().Take(TaskPrompts).Select(Ids)];
        using var writer = new BatchWriter(engine.OpenLoop(rules.Lanes), engine.Spec, rules);

        IReadOnlyList<GeneratedSequence[]> found =
            writer.Generate([.. sources.Select(source => new GenerationPrompt(source, prefix))]);

        JsonElement[] expected = [.. section.GetProperty("with").EnumerateArray().Take(TaskPrompts)];
        IEnumerable<string> faults = Enumerable.Range(0, expected.Length)
            .Select(row => (row, wanted: Ids(expected[row].GetProperty("greedy_ids")), ids: found[row][0].Ids))
            .Where(one => !one.wanted.SequenceEqual(one.ids))
            .Select(one => $"row {one.row}: {string.Join(' ', one.ids)} for {string.Join(' ', one.wanted)}");
        Assert.AreEqual("", string.Join('\n', faults));
    }

    /// <summary>PEFT's rows, [P, 2 * N * G * D], as a prefix.</summary>
    private static Prefix GoldenPrefix(string folder, TransformerSpec spec)
    {
        using var scope = NewDisposeScope();
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(folder, "case.safetensors"));
        Tensor rows = file.Read("c.final.prompt_embeddings", ScalarType.Float32);
        SiteShape shape = SiteShape.Of(spec, AttentionSite.Decoder, (int)rows.size(0));
        float[] values = rows.view(shape.Length, shape.Layers, 2, shape.KeyValueHeads, shape.HeadSize)
            .permute(1, 2, 3, 0, 4).contiguous().data<float>().ToArray();
        return new Prefix([KeyValuePair.Create(AttentionSite.Decoder, shape.With(values))], PrefixConvention.Peft);
    }

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];
}
