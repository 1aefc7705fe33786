using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>Greedy and beam texts of every golden case, run by run, against the reference.</summary>
[TestClass]
[TestCategory("Parity")]
public sealed class GenerationTests
{
    private const double SmallestGap = 3e-4;
    private const double ScoreTolerance = 1e-4;

    public static IEnumerable<object[]> Runs =>
        from folder in FamilyCase.Folders
        from source in Sources(folder)
        from run in RunsOf(folder)
        select new object[] { folder, source, run };

    public static IEnumerable<object[]> EncoderDecoderRuns =>
        from folder in FamilyCase.Folders
        where Has(folder, "sites")
        from run in RunsOf(folder)
        from countsNew in (bool[])[true, false]
        select new object[] { folder, run, countsNew };

    public static IEnumerable<object[]> Infixes =>
        from folder in FamilyCase.Folders
        where Has(folder, "infix")
        from source in Sources(folder)
        select new object[] { folder, source };

    public static IEnumerable<object[]> InfixFolders =>
        Infixes.Select(one => new[] { one[0] }).DistinctBy(one => one[0]);

    [TestMethod]
    [DynamicData(nameof(Runs))]
    public void Generate_OfGoldenPrompts_EqualsReference(string folder, string source, string run)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase(source);
        JsonElement generate = golden.Numbers.GetProperty("generate"), expected = generate.GetProperty("runs")
            .GetProperty(run);
        using PrefixTensors? prefix = run.StartsWith("base.", StringComparison.Ordinal) ? null
            : PrefixTensors.Make(PeftAdapter.Import(Path.Combine(golden.Folder, Adapter(run)), frozen.Model),
                frozen.Model);
        GenerationRules rules = RulesOf(expected.GetProperty("settings"), frozen.Model.Spec);
        using var generator = new BatchWriter(frozen.Model, rules);
        GenerationPrompt[] prompts = [.. generate.GetProperty("prompt_ids").EnumerateArray()
            .Select(ids => new GenerationPrompt(Ids(ids), prefix))];

        IReadOnlyList<GeneratedSequence[]> found = generator.Generate(prompts);

        for (int row = 0; row < prompts.Length; row++)
        {
            if (IsSharp(expected, row))
                AssertRow(expected, row, found[row]);
        }
    }

    [TestMethod]
    [DynamicData(nameof(Infixes))]
    public void Generate_WithInfix_EqualsReference(string folder, string source)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase(source);
        JsonElement infix = golden.Numbers.GetProperty("infix");
        using PrefixTensors prefix = PrefixTensors.Make(golden.Infix(frozen.Model.Spec), frozen.Model);
        int[] ids = [.. golden.Rows("infix.input_ids")[0].Take(infix.GetProperty("prompt_tokens").GetInt32())
            .Select(id => (int)id)];
        var rules = new GenerationRules { MaxNewTokens = 32, EndIds = frozen.Model.Spec.Tokens.Ends };
        using var generator = new BatchWriter(frozen.Model, rules);

        GeneratedSequence found = generator.Generate([new GenerationPrompt(ids, prefix)])[0][0];

        CollectionAssert.AreEqual(Ids(infix.GetProperty("greedy_ids")), found.Ids);
    }

    [TestMethod]
    [DynamicData(nameof(InfixFolders))]
    public void GenerateText_WithInfix_WritesTheReferencesText(string folder)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        var baseModel = BaseModel.FromFolder(Path.Combine(golden.Folder, "model"));
        using BaseLease lease = FrozenBase.Acquire(baseModel.Path, ScalarType.Float32, CPU);
        PretrainedTokenizer tokenizer = lease.Base.Tokenizer;
        JsonElement infix = golden.Numbers.GetProperty("infix");
        int[] source = [.. golden.Rows("infix.input_ids")[0].Take(infix.GetProperty("prompt_tokens").GetInt32())
            .Select(id => (int)id)];
        int[] written =
            [.. Ids(infix.GetProperty("greedy_ids")).TakeWhile(id => !lease.Base.Model.Spec.Tokens.Ends.Contains(id))];
        var context = new MLContext(seed: 1);
        var options = new TextGenerationOptions
        {
            Template = "{input}",
            Generation = new GenerationOptions { MaxNewTokens = 32 }
        };
        IDataView rows = context.Data.LoadFromEnumerable([new FaceRow { Input = tokenizer.Decode(source) }]);
        using PrefixTuningTransformer model = context.Transforms.Text
            .GenerateText("Output", "Input", baseModel, golden.Infix(lease.Base.Model.Spec), options).Fit(rows);
        Assert.AreEqual(tokenizer.Decode(written),
            context.Data.CreateEnumerable<FaceOutput>(model.Transform(rows), false).Single().Output);
    }

    [TestMethod]
    [DynamicData(nameof(EncoderDecoderRuns))]
    public void GenerateText_WithLengthsOfTheBasesOwn_WritesTheReferencesTexts(string folder, string run,
        bool countsNew)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        JsonElement generate = golden.Numbers.GetProperty("generate"), expected = generate.GetProperty("runs")
            .GetProperty(run);
        using TemporaryFolder baseFolder =
            WithLengths(Path.Combine(golden.Folder, "model"), expected.GetProperty("settings"), countsNew);
        var baseModel = BaseModel.FromFolder(baseFolder.Path);
        using BaseLease lease = FrozenBase.Acquire(baseFolder.Path, ScalarType.Float32, CPU);
        Prefix? prefix = run.StartsWith("base.", StringComparison.Ordinal) ? null
            : PeftAdapter.Import(Path.Combine(golden.Folder, Adapter(run)), lease.Base.Model);
        GenerationRules rules = RulesOf(expected.GetProperty("settings"), lease.Base.Model.Spec);
        var options = new TextGenerationOptions
        {
            // The golden sources end with the end token, which the golden tokenizers do not add.
            Template = "{input}</s>",
            Generation = new GenerationOptions
            {
                Decoding = rules.Decoding,
                NoRepeatNGramSize = rules.NoRepeatNGramSize,
                RepetitionPenalty = rules.RepetitionPenalty
            },
        };
        var context = new MLContext(seed: 1);
        IDataView rows = context.Data.LoadFromEnumerable(generate.GetProperty("texts").EnumerateArray()
            .Select(text => new FaceRow { Input = text.GetString()! }));
        using PrefixTuningTransformer model = prefix is null
            ? context.Transforms.Text.GenerateText("Output", "Input", baseModel, options: options).Fit(rows)
            : context.Transforms.Text.GenerateText("Output", "Input", baseModel, prefix, options).Fit(rows);

        string[] found =
            [.. context.Data.CreateEnumerable<FaceOutput>(model.Transform(rows), false).Select(row => row.Output)];

        for (int row = 0; row < found.Length; row++)
        {
            if (IsSharp(expected, row))
                Assert.AreEqual(expected.GetProperty("texts")[row].GetString(), found[row], $"row {row}");
        }
    }

    /// <summary>
    /// A copy of a base whose generation_config.json has the lengths of a run, as numbers of new tokens or as lengths;
    /// the caller's.
    /// </summary>
    private static TemporaryFolder WithLengths(string model, JsonElement settings, bool countsNew)
    {
        TemporaryFolder folder = new TemporaryFolder().CopyFrom(model);
        string file = folder["generation_config.json"];
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        foreach (string name in (string[])["min", "max"])
        {
            // A length counts the decoder start token.
            if (settings.TryGetProperty($"{name}_new_tokens", out JsonElement tokens))
                config[countsNew ? $"{name}_new_tokens" : $"{name}_length"] = tokens.GetInt32() + (countsNew ? 0 : 1);
        }
        File.Delete(file);
        File.WriteAllText(file, config.ToJsonString());
        return folder;
    }

    private static void AssertRow(JsonElement expected, int row, GeneratedSequence[] found)
    {
        JsonElement ids = expected.GetProperty("ids")[row];
        int[][] wanted = ids[0].ValueKind == JsonValueKind.Array ? [.. ids.EnumerateArray().Select(Ids)] : [Ids(ids)];
        Assert.HasCount(wanted.Length, found);
        for (int sequence = 0; sequence < wanted.Length; sequence++)
        {
            CollectionAssert.AreEqual(wanted[sequence], found[sequence].Ids,
                $"row {row}, sequence {sequence}: expected {string.Join(' ', wanted[sequence])}, found "
                + string.Join(' ', found[sequence].Ids));
            if (expected.TryGetProperty("scores", out JsonElement scores))
                Assert.AreEqual(scores[row][sequence].GetDouble(), found[sequence].Score, ScoreTolerance, $"row {row}");
        }
    }

    /// <summary>Where a noise of 1e-4 changes the answer, the reference's choice is not asked for.</summary>
    private static bool IsSharp(JsonElement run, int row) => run.GetProperty("stable")[row].GetBoolean()
        && (!run.TryGetProperty("min_top2_gap", out JsonElement gap) || gap[row].GetDouble() > SmallestGap);

    private static GenerationRules RulesOf(JsonElement settings, TransformerSpec spec)
    {
        int beams = Setting("num_beams", 1);
        return new GenerationRules
        {
            Decoding = beams == 1 ? Decoding.Greedy : Decoding.Beam(beams,
                settings.GetProperty("length_penalty").GetDouble(), settings.GetProperty("early_stopping")
                    .GetBoolean()),
            SequenceCount = Setting("num_return_sequences", 1),
            MaxNewTokens = Setting("max_new_tokens", 0),
            MinNewTokens = Setting("min_new_tokens", 0),
            NoRepeatNGramSize = Setting("no_repeat_ngram_size", 0),
            RepetitionPenalty = settings.TryGetProperty("repetition_penalty", out JsonElement penalty)
                ? penalty.GetDouble() : 1,
            EndIds = spec.Tokens.Ends,
            BatchSize = 2 * beams,
        };

        int Setting(string name, int otherwise) =>
            settings.TryGetProperty(name, out JsonElement value) ? value.GetInt32() : otherwise;
    }

    private static string Adapter(string run) =>
        run.StartsWith("prompt.", StringComparison.Ordinal) ? "adapter-prompt" : "adapter";

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    private static string[] Sources(string folder) =>
        FamilyCase.HasFile(folder, "model.gguf") ? ["model", "model.gguf"] : ["model"];

    private static string[] RunsOf(string folder)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        return [.. golden.Numbers.GetProperty("generate").GetProperty("runs").EnumerateObject()
            .Select(run => run.Name)];
    }

    private static bool Has(string folder, string part)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        return golden.Numbers.TryGetProperty(part, out _);
    }
}
