using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>The identity of a base: its names and values are in files for good, and no value is forgotten.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class BaseIdentityTests
{
    // Names a folder to write the canonical texts into, for a family that is new.
    private const string Variable = "PREFIX_TUNING_WRITE_IDENTITIES";

    private const string Ggufs = "narrow-gguf";

    private static readonly string Hash = new('0', 64);

    // Members that have no part in the identity, and why.
    private static readonly Dictionary<string, string> Exempt = new()
    {
        ["TokenIds.Begin"] = "steers texts, not the graph: an application may correct it",
        ["TokenIds.Ends"] = "steers texts, not the graph: an application may correct it",
        ["TokenIds.Padding"] = "steers texts, not the graph: an application may correct it",
        ["TokenIds.DecoderStart"] = "steers texts, not the graph: an application may correct it",
        ["OutputRules.FirstId"] = "steers texts, not the graph: an application may correct it",
        ["OutputRules.LastId"] = "steers texts, not the graph: an application may correct it",
        ["OutputRules.LeastTokens"] = "steers texts, not the graph: an application may correct it",
        ["OutputRules.MostTokens"] = "steers texts, not the graph: an application may correct it",
    };

    public static IEnumerable<object[]> Bases =>
        Directory.EnumerateDirectories(Folder).Select(folder => new object[] { Path.GetFileName(folder) });

    internal static string Folder => Path.Combine(AppContext.BaseDirectory, "BaseIdentities");

    [TestMethod]
    [DynamicData(nameof(Bases))]
    public void Of_Base_IsTheCanonicalText(string name)
    {
        string text = Text(Spec(name));
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder)
            File.WriteAllText(Path.Combine(folder, name, "identity.txt"), text);
        else
            Assert.AreEqual(File.ReadAllText(Path.Combine(Folder, name, "identity.txt")), text);
    }

    [TestMethod]
    public void Of_EveryMember_Differs()
    {
        var moved = new HashSet<string>();
        foreach (string name in Bases.Select(one => (string)one[0]))
        {
            TransformerSpec spec = Spec(name);
            string text = Text(spec);
            foreach (SpecMutation mutation in SpecMutation.Of(spec))
            {
                moved.Add(mutation.Member);
                bool differs = Text(mutation.Spec) != text;
                Assert.AreEqual(!Exempt.ContainsKey(mutation.Member), differs,
                    $"{name}: {mutation.Path}: a value that the graph reads belongs into {nameof(BaseIdentity)}, any"
                    + " other one on the list of this test, with a reason.");
            }
        }
        string[] unseen = [.. SpecMutation.AllMembers().Except(moved)];
        Assert.IsEmpty(unseen, $"{string.Join(", ", unseen)}: no base of BaseIdentities has the part.");
        string[] gone = [.. Exempt.Keys.Except(SpecMutation.AllMembers())];
        Assert.IsEmpty(gone, $"{string.Join(", ", gone)}: on the list, but no longer a member.");
    }

    [TestMethod]
    public void Of_EveryValueOfAnEnumeration_HasANameOfItsOwn()
    {
        TransformerSpec spec = Spec("llama");
        Differ<NormKind>(kind => spec.Decoder with { Norm = spec.Decoder.Norm with { Kind = kind } });
        Differ<Residual>(residual => spec.Decoder with { Residual = residual });
        Differ<QueryKeyNorm>(norm => spec.Decoder with { QueryKeyNorm = norm });
        FeedForwardSpec forward = spec.Decoder.FeedForward;
        Differ<Activation>(one => spec.Decoder with { FeedForward = forward with { Activation = one } });

        void Differ<T>(Func<T, StackSpec> make) where T : struct, Enum
        {
            string[] texts = [.. Enum.GetValues<T>().Select(value => Text(spec with { Decoder = make(value) }))];
            Assert.HasCount(texts.Length, texts.Distinct().ToArray());
        }
    }

    [TestMethod]
    public void Of_ScaleThatIsTheUsualOne_IsNeutral()
    {
        TransformerSpec spec = Spec("llama");
        double usual = 1 / Math.Sqrt(spec.Decoder.Heads.Size);
        TransformerSpec given = spec with { Decoder = spec.Decoder with { ScoreScale = usual } };
        Assert.IsNull(BaseIdentity.Of(spec, Hash).Difference(given, Hash));
    }

    [TestMethod]
    public void Of_OtherCulture_IsTheSame()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        string[] texts = [.. Texts()];
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("de-DE") { NumberFormat = { NegativeSign = "~" } };
            CollectionAssert.AreEqual(texts, Texts().ToArray());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        static IEnumerable<string> Texts() => Bases.Select(one => Text(Spec((string)one[0])));
    }

    [TestMethod]
    public void Difference_OfOtherBase_NamesValues()
    {
        BaseIdentity identity = BaseIdentity.Of(Spec("llama"), Hash);
        TransformerSpec spec = Spec("llama");
        StackSpec scaled = spec.Decoder with { ScoreScale = 0.5 };
        Assert.AreEqual("decoder.score_scale: expected nothing, found 0.5",
            identity.Difference(spec with { Decoder = scaled }, Hash));
        Assert.AreEqual("decoder.layers: expected 3, found 4 (and decoder.score_scale)",
            identity.Difference(spec with { Decoder = scaled with { Layers = 4 } }, Hash));
        Assert.AreEqual($"weights: expected {Hash}, found other", identity.Difference(spec, "other"));
    }

    [TestMethod]
    public void Read_OfText_IsTheSame()
    {
        BaseIdentity identity = BaseIdentity.Of(Spec("gemma3"), Hash);
        Assert.IsNull(identity.Difference(BaseIdentity.Read(NamedValues.Parse(identity.Values.ToString()))));
        Assert.AreEqual("gemma3_text, 3 layers, width 48, vocabulary 403", identity.Summary);
    }

    [TestMethod]
    [DataRow("identity: 1", "", "identity: expected a number from 1, found nothing")]
    [DataRow("identity: 1", "identity: 0", "identity: expected a number from 1, found 0")]
    [DataRow("width: 48", "width", "expected lines of the form 'name: value', found 'width'")]
    [DataRow("width: 48", "vocabulary: 48",
        "expected each name once and on one line with its value, found 'vocabulary: 48'")]
    [DataRow("width: 48", "wide: 48", "width: expected a value, found nothing")]
    [DataRow("weights: 0", "weights: A", "weights: expected 64 hexadecimal digits in lower case, found A")]
    public void Read_BrokenText_SaysWhere(string replaced, string by, string expected)
    {
        string text = Text(Spec("llama")).Replace(replaced, by, StringComparison.Ordinal);
        var fault = Assert.ThrowsExactly<FormatException>(() => BaseIdentity.Read(NamedValues.Parse(text)));
        Assert.Contains(expected, fault.Message);
    }

    [TestMethod]
    public void Read_NewerVersion_IsRefusedByNumber()
    {
        string text = Text(Spec("llama")).Replace("identity: 1", "identity: 2", StringComparison.Ordinal);
        var fault = Assert.ThrowsExactly<NotSupportedException>(() => BaseIdentity.Read(NamedValues.Parse(text)));
        Assert.Contains("found 2, the newest that is read here is 1", fault.Message);
    }

    /// <summary>What the config of a base means.</summary>
    internal static TransformerSpec Spec(string name)
    {
        if (name == Ggufs)
        {
            using GgufModel gguf = GgufModel.Open(Path.Combine(TinyBase.Folder(Ggufs), "model.gguf"));
            return gguf.Spec;
        }
        ModelConfig config = ModelConfig.Read(Path.Combine(Folder, name, "config.json"));
        return Family.Of(config).Describe(config);
    }

    private static string Text(TransformerSpec spec) => BaseIdentity.Of(spec, Hash).Values.ToString();
}
