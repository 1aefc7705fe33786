using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tests.Checkpoints;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>
/// Options, signatures and figures are the same in Turkish, where an I in small letters is none of ASCII and a number
/// has a comma.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class CultureTests
{
    [TestMethod]
    public void Text_OfOptions_IsReadAndWrittenTheSame() => InTurkish(() =>
    {
        Assert.AreEqual("ignored-input", OptionText.Kebab("IgnoredInput"));
        Assert.AreEqual("0.5", OptionText.Show(0.5));
        Assert.AreEqual(0.5, OptionText.Parse(Member(nameof(TrainingOptions.LearningRate)), "0.5"));
        Assert.AreEqual(LearningRateDecay.Linear, OptionText.Parse(Member(nameof(TrainingOptions.Decay)), "LINEAR"));
        Assert.AreEqual(LearningRateDecay.Linear, OptionText.Parse(Member(nameof(TrainingOptions.Decay)), "linear"));
        var bad = new GenerationOptions { Decoding = Decoding.Sampling(topP: 1.5) };
        Assert.AreEqual("Decoding.topP: expected above 0 and up to 1, found 1.5.", Faults.Of(bad.Check).Single());
    });

    [TestMethod]
    public void Signature_OfATraining_IsTheSame()
    {
        using var folder = new ToolFolder();
        var training = new TrainingOptions
        {
            LearningRate = 0.0125,
            Averaging = 0.5,
            EarlyStopping = new EarlyStopping { MinDelta = 0.25 },
        };
        string expected = OptionTrial.Signature(training, folder["here.state"], TinyBase.Llama), found = "";
        InTurkish(() => found = OptionTrial.Signature(training, folder["there.state"], TinyBase.Llama));
        Assert.AreEqual(expected, found);
    }

    [TestMethod]
    public void Figures_OfAnEvaluation_AreWrittenTheSame()
    {
        using var folder = new ToolFolder();
        string outputs = folder.Write("outputs.txt", "The INN is in IZMIR .", "a cat sat");
        string references = folder.Write("references.txt", "The inn is in Izmir .", "a cat sat down");
        foreach (string[] form in (string[][])[[], ["--json"], ["--lowercase", "--rouge-stemming"]])
        {
            ToolRun expected = ToolFolder.Run(["evaluate", outputs, references, .. form]), found = expected;
            Assert.AreEqual(ExitCode.Done, expected.Code, expected.Error);
            InTurkish(() => found = ToolFolder.Run(["evaluate", outputs, references, .. form]));
            Assert.AreEqual(expected.Out, found.Out);
        }
    }

    [TestMethod]
    public void Curves_OfATraining_AreWrittenTheSame()
    {
        using var folder = new ToolFolder();
        string[] options = ["--curves", folder["curves.csv"]];
        folder.Train("here.zip", options: options);
        string expected = File.ReadAllText(folder["curves.csv"]);
        InTurkish(() => folder.Train("there.zip", options: options));
        Assert.AreEqual(expected, File.ReadAllText(folder["curves.csv"]));
    }

    [TestMethod]
    public void Fault_OfATokenizersScore_IsSaidTheSame()
    {
        using var folder = new TemporaryFolder();
        // A piece 'a' with a score of -0.5 and a type that there is not.
        File.WriteAllBytes(folder["tokenizer.model"], [10, 10, 10, 1, (byte)'a', 0x15, 0, 0, 0, 0xBF, 0x18, 9]);
        var metadata = new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "llama",
            ["tokenizer.ggml.tokens"] = (string[])["a"],
            ["tokenizer.ggml.token_type"] = (int[])[9],
            ["tokenizer.ggml.scores"] = (float[])[-0.5f],
        };
        InTurkish(() =>
        {
            Assert.EndsWith("found 'a', -0.5 and 9.", Assert.ThrowsExactly<FormatException>(() =>
                PretrainedTokenizer.FromFolder(folder.Path, 1100)).Message);
            Assert.EndsWith("found 'a', 9 and -0.5.", Assert.ThrowsExactly<FormatException>(() =>
                PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1100)).Message);
        });
    }

    [TestMethod]
    public void Fault_OfAFilesAlignment_IsSaidTheSame()
    {
        using var folder = new TemporaryFolder();
        GgufBuilder file = GgufBuilder.Llama();
        file.Keys["general.alignment"] = 0.5f;
        File.WriteAllBytes(folder["m.gguf"], file.Build().Bytes);
        InTurkish(() => Assert.EndsWith("expected a power of two of type uint32, found 0.5.",
            Assert.ThrowsExactly<FormatException>(() => GgufModel.Open(folder["m.gguf"])).Message));
    }

    [TestMethod]
    public void Fault_OfAPrefixsNumber_IsSaidTheSame() => InTurkish(() =>
    {
        var site = new SitePrefix(1, 1, 1, 1, [0, float.PositiveInfinity]);
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            new Prefix([KeyValuePair.Create(AttentionSite.Decoder, site)], PrefixConvention.DecoderOnly));
        Assert.AreEqual("Decoder prefix: value 1 is not finite (Infinity).", fault.Message);
    });

    private static PropertyInfo Member(string name) => typeof(TrainingOptions).GetProperty(name)!;

    private static void InTurkish(Action action)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("tr-TR");
            Assert.AreEqual("0,5", $"{0.5}");
            action();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
