using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>
/// Section f of the golden values of SmolLM2: greedy and beam texts, without a prefix and with section c's.
/// </summary>
[TestClass]
[TestCategory("Parity")]
public sealed class SmolLM2GenerationTests
{
    private const double ScoreTolerance = 1e-3;

    [TestMethod]
    public void Generate_OfGoldenPrompts_EqualsReference()
    {
        string folder = Fixtures.Require(Fixtures.SmolLM2);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")));
        JsonElement section = json.RootElement.GetProperty("f");
        using FrozenBase frozen = FrozenBase.Load(SmolLM2Base.Path, ScalarType.Float32, CPU);
        using PrefixTensors prefix = GoldenPrefix(folder, frozen.Model);

        // Rows of both kinds in one call: a row's text is its own.
        AssertTexts(section, frozen.Model, prefix, "greedy", Decoding.Greedy);
        AssertTexts(section, frozen.Model, prefix, "beam", Decoding.Beam(4, 0.8, earlyStopping: false));
    }

    private static void AssertTexts(JsonElement section, LanguageModel model, PrefixTensors prefix, string kind,
        Decoding decoding)
    {
        JsonElement settings = section.GetProperty($"{kind}_settings");
        var rules = new GenerationRules
        {
            Decoding = decoding,
            MaxNewTokens = settings.GetProperty("max_new_tokens").GetInt32(),
            MinNewTokens = Setting("min_new_tokens"),
            NoRepeatNGramSize = Setting("no_repeat_ngram_size"),
            EndIds = model.Spec.Tokens.Ends,
            BatchSize = 12,
        };
        int[][] sources = [.. section.GetProperty("prompt_ids").EnumerateArray().Select(Ids)];
        using var generator = new BatchWriter(model, rules);
        IReadOnlyList<GeneratedSequence[]> found = generator.Generate([
            .. sources.Select(source => new GenerationPrompt(source, null)),
            .. sources.Select(source => new GenerationPrompt(source, prefix))]);
        JsonElement[] expected =
            [.. section.GetProperty("without").EnumerateArray(), .. section.GetProperty("with").EnumerateArray()];
        for (int row = 0; row < expected.Length; row++)
        {
            int[] wanted = Ids(expected[row].GetProperty($"{kind}_ids"));
            CollectionAssert.AreEqual(wanted, found[row][0].Ids,
                $"{kind}, row {row}: expected {string.Join(' ', wanted)}, found {string.Join(' ', found[row][0].Ids)}");
            if (kind == "beam")
                Assert.AreEqual(expected[row].GetProperty("beam_score").GetDouble(), found[row][0].Score,
                    ScoreTolerance, $"row {row}");
        }

        int Setting(string name) => settings.TryGetProperty(name, out JsonElement value) ? value.GetInt32() : 0;
    }

    private static PrefixTensors GoldenPrefix(string folder, LanguageModel model)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(folder, "case.safetensors"));
        using Tensor rows = file.Read("c.final.prompt_embeddings", ScalarType.Float32);
        return PrefixTensors.Make(FamilyCase.FromPeftRows(rows, model.Spec, PrefixConvention.Peft), model);
    }

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];
}
