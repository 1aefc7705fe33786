using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Sweeps;

/// <summary>Options as C#.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class OptionCodeTests
{
    [TestMethod]
    public void Of_Defaults_NamesNothing() =>
        Assert.AreEqual("new PrefixTuningOptions()", OptionCode.Of(new PrefixTuningOptions()));

    [TestMethod]
    public void Of_Options_NamesWhatIsNoDefault()
    {
        var options = new PrefixTuningOptions
        {
            Prefix = new PrefixOptions
            {
                Length = 5,
                Method = PrefixMethod.Infix,
                Start = PrefixStart.FromText("say \"so\":\n"),
                Parametrization = Parametrization.ResidualMlp(16),
                Sites = [AttentionSite.Decoder],
            },
            Training = new TrainingOptions
            {
                LearningRate = 0.0025,
                EarlyStopping = null,
                Decay = LearningRateDecay.Linear,
                StateFile = "left out",
            },
            Generation = new GenerationOptions { Decoding = Decoding.Beam(3), StopStrings = ["\n", "b"] },
            EmbedBase = true,
        };
        Assert.AreEqual("""
            new PrefixTuningOptions { Prefix = new PrefixOptions { Method = PrefixMethod.Infix, Parametrization =
             new ResidualMlpParametrization { Width = 16 }, Length = 5, Start = new TextStart
             { Text = "say \"so\":\n" }, Sites = [AttentionSite.Decoder] }, Training = new TrainingOptions
             { LearningRate = 0.0025, Decay = LearningRateDecay.Linear, EarlyStopping = null }, Generation =
             new GenerationOptions { Decoding = new BeamDecoding { Width = 3 }, StopStrings = ["\n", "b"] },
             EmbedBase = true }
            """.ReplaceLineEndings(""), OptionCode.Of(options));
    }

    [TestMethod]
    public void Of_CharactersThatEndALiteral_EscapesThem() => Assert.AreEqual(
        """new PrefixTuningOptions { Template = "a\u2028b\u2029c\u0085d\te\"{input}\\" }""",
        OptionCode.Of(new PrefixTuningOptions { Template = "a\u2028b\u2029c\u0085d\te\"{input}\\" }));

    [TestMethod]
    public void Of_KindsWithoutMembers_NamesTheirProperties()
    {
        var options = new PrefixTuningOptions
        {
            Prefix = new PrefixOptions { Start = PrefixStart.Zero, Method = PrefixMethod.EmbeddingOnly },
            Generation = new GenerationOptions { MinNewTokens = 2 },
        };
        Assert.AreEqual("new PrefixTuningOptions { Prefix = new PrefixOptions { Method = PrefixMethod.EmbeddingOnly, "
            + "Start = PrefixStart.Zero }, Generation = new GenerationOptions { MinNewTokens = 2 } }",
            OptionCode.Of(options));
    }
}
