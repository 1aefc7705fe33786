using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Hosts;

/// <summary>Options of an application's configuration.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ReadOptionsTests
{
    // What is code or a handle of the process.
    private static readonly string[] OfCode =
        ["Training:Progress", "Training:CancellationToken", "Training:Workers", "ValidationSet"];

    [TestMethod]
    public void ReadOptions_OfASection_TakesEveryForm()
    {
        PrefixTuningOptions options = Section("""
            {
              "template": "{input}\nText: ", "Precision": "as-stored", "embed-base": true, "Threads": 2,
              "Prefix": {
                "Length": 7, "Method": "Prefix", "Parametrization": { "Kind": "ResidualMlp", "Width": 16 },
                "Start": { "Text": "Describe: it" }, "Sites": ["encoder", "Decoder"]
              },
              "Training": { "LearningRate": 1e-3, "MaxSteps": 9, "EarlyStopping": null, "Decay": "linear" },
              "Generation": {
                "Decoding": { "Kind": "beam", "Width": 3, "EarlyStopping": true },
                "StopStrings": ["\n", "END"], "BannedWords": "no"
              }
            }
            """).ReadOptions<PrefixTuningOptions>(new PrefixTuningOptions { Device = "cpu" });

        Assert.AreEqual(("{input}\nText: ", ModelPrecision.AsStored, true, 2, "cpu"),
            (options.Template, options.Precision, options.EmbedBase, options.Threads, options.Device));
        Assert.AreEqual((7, PrefixMethod.Prefix, Parametrization.ResidualMlp(16),
            PrefixStart.FromText("Describe: it")), (options.Prefix.Length, options.Prefix.Method,
            options.Prefix.Parametrization, options.Prefix.Start));
        CollectionAssert.AreEqual(new[] { AttentionSite.Encoder, AttentionSite.Decoder },
            options.Prefix.Sites!.ToArray());
        Assert.AreEqual((1e-3, 9, null, LearningRateDecay.Linear), (options.Training.LearningRate,
            options.Training.MaxSteps, options.Training.EarlyStopping, options.Training.Decay));
        Assert.AreEqual(Decoding.Beam(3, earlyStopping: true), options.Generation.Decoding);
        CollectionAssert.AreEqual(new[] { "\n", "END" }, options.Generation.StopStrings.ToArray());
        CollectionAssert.AreEqual(new[] { "no" }, options.Generation.BannedWords.ToArray());
        Assert.AreEqual(PrefixMethod.TriggerWords(candidates: 3, steps: 9),
            Section("""{ "Method": "trigger-words:9:3" }""").ReadOptions<PrefixOptions>().Method);
    }

    [TestMethod]
    public void ReadOptions_OfVariables_TakesAnEmptyTextForNothing()
    {
        GenerationOptions start = new() { MaxNewTokens = 3, ErrorColumnName = "Error", Decoding = Decoding.Sampling() };
        GenerationOptions options = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["MaxNewTokens"] = "",
            ["Decoding:Temperature"] = "0.5",
        }).Build().ReadOptions(start);
        Assert.AreEqual(start with { MaxNewTokens = null, Decoding = Decoding.Sampling(0.5) }, options);
        Assert.AreEqual(new TextGeneratorOptions(), Section("{}").ReadOptions<TextGeneratorOptions>());
    }

    [TestMethod]
    public void ReadOptions_OfWhatIsNone_SaysAllOfItWithItsPath()
    {
        FormatException fault = Assert.ThrowsExactly<FormatException>(() => Section("""
            {
              "Generaton": { "MaxNewTokens": 3 },
              "Training": { "MaxEpochs": "many", "EarlyStopping": { "patince": 2 }, "LearningRate": { "a": 1 } },
              "Prefix": { "Method": "words", "Length": null, "Start": { "Kind": "zero", "Scale": 1 } },
              "Generation": 7,
              "Threads": "2.5"
            }
            """).ReadOptions<PrefixTuningOptions>());
        string[] lines = fault.Message.Split(Environment.NewLine);
        Assert.HasCount(9, lines, fault.Message);
        Assert.Contains("PrefixTuning:Generaton: expected Prefix, Training, Generation, ", lines[0]);
        Assert.EndsWith(", found 'Generaton'. Did you mean 'Generation'?", lines[0]);
        CollectionAssert.AreEquivalent(new[]
        {
            "PrefixTuning:Training:MaxEpochs: expected a whole number, found 'many'.",
            "PrefixTuning:Training:EarlyStopping:patince: expected Patience, MinDelta, found 'patince'."
                + " Did you mean 'Patience'?",
            "PrefixTuning:Training:LearningRate: expected a value, found a section.",
            "PrefixTuning:Prefix:Method: expected prefix, embedding-only, infix, memory, text or"
                + " trigger-words[:STEPS[:CANDIDATES]], found 'words'.",
            "PrefixTuning:Prefix:Length: expected a value, found null.",
            "PrefixTuning:Prefix:Start:Scale: expected Kind, found 'Scale'.",
            "PrefixTuning:Generation: expected a section with options of GenerationOptions, found '7'.",
            "PrefixTuning:Threads: expected a whole number, found '2.5'.",
        }, lines[1..]);
    }

    [TestMethod]
    public void ReadOptions_OfValuesOutOfRange_SaysTheirPaths()
    {
        FormatException fault = Assert.ThrowsExactly<FormatException>(() => Section("""
            { "Generation": { "MaxNewTokens": 0, "Decoding": "sampling:-1" }, "Device": "tpu" }
            """).ReadOptions<TextGenerationOptions>());
        Assert.Contains("PrefixTuning:Generation:MaxNewTokens: expected 1 or more, found 0.", fault.Message);
        Assert.Contains("PrefixTuning:Generation:Decoding:temperature: expected 0.001 to 1000, found -1.",
            fault.Message);
        Assert.Contains("PrefixTuning:Device: expected ", fault.Message);
        Assert.Contains("MaxRows: expected 1 or more, found 0.", Assert.ThrowsExactly<FormatException>(() =>
            new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["MaxRows"] = "0" })
                .Build().ReadOptions<TextGeneratorOptions>()).Message);
    }

    [TestMethod]
    public void ReadOptions_OfEveryMember_IsRefusedOnlyWhereItIsCode()
    {
        string[] refused = [.. Members(typeof(PrefixTuningOptions), "").Where(IsRefused)];
        CollectionAssert.AreEquivalent(OfCode, refused);
    }

    [TestMethod]
    public void ReadOptions_OfAPrefix_LoadsItsFile()
    {
        using var served = new ServedBase("tiny-llama");
        using var folder = new TemporaryFolder();
        served.Prefixes["short"].Save(folder["short.safetensors"]);
        PrefixOptions options = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Start"] = $"file:{folder["short.safetensors"]}",
        }).Build().ReadOptions<PrefixOptions>();
        Assert.AreEqual(served.Prefixes["short"].Hash(), ((PrefixValuesStart)options.Start).Prefix.Hash());
        PrefixOptions byKind = Memory(("Start:Kind", "file"), ("Start:Prefix", folder["short.safetensors"]))
            .ReadOptions<PrefixOptions>();
        Assert.AreEqual(served.Prefixes["short"].Hash(), ((PrefixValuesStart)byKind.Start).Prefix.Hash());
        Assert.ThrowsExactly<ArgumentException>(() => Section("{}").ReadOptions<FaceOptions>());
    }

    [TestMethod]
    public void ReadOptions_OfWhatWouldBeLeftAside_IsRefused()
    {
        Refused("Decoding: expected the kind greedy, beam, sampling alone, found 'beam:8'.",
            ("Decoding:Kind", "beam:8"));
        Refused("Decoding: expected a value or a section, found 'beam' with keys below it.",
            ("Decoding", "beam"), ("Decoding:Width", "8"));
        Refused("StopStrings: expected a value or a section, found 'END' with keys below it.",
            ("StopStrings", "END"), ("StopStrings:0", "STOP"));
        Refused("max-new-tokens: expected one spelling of a key, found 'max-new-tokens' and 'MaxNewTokens'.",
            ("MaxNewTokens", "60"), ("max-new-tokens", "40"));

        static void Refused(string message, params (string Key, string Value)[] values) => Assert.AreEqual(message,
            Assert.ThrowsExactly<FormatException>(() => Memory(values).ReadOptions<GenerationOptions>()).Message);
    }

    private static IConfiguration Memory(params (string Key, string Value)[] values) => new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(pair => KeyValuePair.Create<string, string?>(pair.Key, pair.Value)))
        .Build();

    /// <summary>Paths of all members that are no record themselves.</summary>
    private static IEnumerable<string> Members(Type record, string path) =>
        from member in OptionMembers.Of(record)
        from found in member.PropertyType == typeof(PrefixOptions) || member.PropertyType == typeof(TrainingOptions)
            || member.PropertyType == typeof(GenerationOptions) || member.PropertyType == typeof(EarlyStopping)
            ? Members(member.PropertyType, $"{path}{member.Name}:") : [path + member.Name]
        select found;

    private static bool IsRefused(string path)
    {
        try
        {
            new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { [path] = "cpu" })
                .Build().ReadOptions<PrefixTuningOptions>();
            return false;
        }
        catch (FormatException fault)
        {
            return fault.Message.Contains("no text can say it", StringComparison.Ordinal);
        }
    }

    private static IConfigurationSection Section(string json) => new ConfigurationBuilder()
        .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($$"""{ "PrefixTuning": {{json}} }"""))).Build()
        .GetSection("PrefixTuning");

    private sealed class FaceOptions;
}
