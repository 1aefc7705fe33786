using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>Logits of decoder-only models against the reference, case by case and part by part.</summary>
[TestClass]
[TestCategory("Quick")]
[TestCategory("Parity")]
public sealed class LogitsTests
{
    private const double Tolerance = 3e-5;

    public static IEnumerable<object[]> Cases =>
        from folder in FamilyCase.Folders
        where IsDecoderOnly(folder)
        from source in (string[])["model", "model.gguf"]
        where source == "model" || FamilyCase.HasFile(folder, source)
        from part in (string[])["plain", "left", "prefix", "prefix.left", "always", "prompt"]
        where HasPart(folder, part)
        select new object[] { folder, source, part };

    public static IEnumerable<object[]> Infixes =>
        from folder in FamilyCase.Folders
        where HasPart(folder, "infix")
        from source in (string[])["model", "model.gguf"]
        where source == "model" || FamilyCase.HasFile(folder, source)
        select new object[] { folder, source };

    [TestMethod]
    public void Folders_OnThisMachine_AreThere() =>
        Fixtures.Require(Fixtures.Families.FirstOrDefault());

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Logits_OfGoldenBatch_EqualReference(string folder, string source, string part)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase(source);
        LanguageModel model = frozen.Model;
        Prefix? prefix = part is "plain" or "left" ? null
            : PeftAdapter.Import(Path.Combine(golden.Folder, part == "prompt" ? "adapter-prompt" : "adapter"), model);
        if (part == "always")
            prefix = new Prefix(prefix!.Parts, PrefixConvention.DecoderOnly);
        bool left = part is "left" or "prefix.left";
        int[][] rows = Tokens(golden, left ? "left" : "batch");
        Tensor logits = Run(model, rows, prefix);
        string name = part switch
        {
            "left" => "left.last_logits",
            "prefix.left" => "prefix.last_logits",
            _ => $"{part}.logits",
        };
        Tensor expected = golden.Stored(name);
        for (int row = 0; row < rows.Length; row++)
        {
            Tensor found = logits[row].narrow(0, left ? rows[row].Length - 1 : 0, left ? 1 : rows[row].Length);
            Tensor wanted = left ? expected[row].unsqueeze(0) : expected[row].narrow(0, 0, rows[row].Length);
            double difference = (found - wanted).abs().max().ToDouble();
            Assert.IsLessThanOrEqualTo(Tolerance, difference, $"row {row}: largest difference of logits {difference}");
        }
    }

    [TestMethod]
    [DynamicData(nameof(Infixes))]
    public void Logits_OfInfix_EqualReference(string folder, string source)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase(source);
        using PrefixTensors infix = PrefixTensors.Make(golden.Infix(frozen.Model.Spec), frozen.Model);
        int length = infix.Sites.LengthOf(AttentionSite.Decoder);
        int prompt = golden.Numbers.GetProperty("infix").GetProperty("prompt_tokens").GetInt32();
        long[] ids = golden.Rows("infix.input_ids").Single();
        AttentionPlaces places =
            TokenPlaces.Causal([new RowState(length, 0, ids.Length, prompt)], ids.Length, length, length + ids.Length,
            PrefixConvention.Infix);

        Tensor hidden =
            frozen.Model.Decode(frozen.Model.Embed(tensor(ids).unsqueeze(0)), places, new PrefixMemory(infix.Sites));

        CollectionAssert.AreEqual(golden.Rows("infix.position_ids").Single(), places.QueryPosition);
        double difference = (frozen.Model.Logits(hidden) - golden.Stored("infix.logits")).abs().max().ToDouble();
        Assert.IsLessThanOrEqualTo(Tolerance, difference, $"largest difference of logits {difference}");
    }

    /// <summary>Logits of rows, right-padded, with or without a prefix.</summary>
    internal static Tensor Run(LanguageModel model, int[][] rows, Prefix? prefix) => prefix is null
        ? RunWith(model, rows, SitePrefixes.None)
        : RunWith(model, rows, new SitePrefixes(
            prefix.Parts.ToDictionary(part => part.Key, part => tensor(part.Value.Values, part.Value.Shape)),
            prefix.Convention));

    /// <summary>Logits of rows, right-padded, with a prefix as tensors [N, 2, G, P, D], or none.</summary>
    internal static Tensor RunWith(LanguageModel model, int[][] rows, SitePrefixes prefix)
    {
        TokenRows padded = TokenRows.Pad(rows, model.Device);
        int width = padded.Width, length = prefix.LengthOf(AttentionSite.Decoder);
        RowState[] states = rows.Select(row => new RowState(length, 0, row.Length, row.Length)).ToArray();
        AttentionPlaces places = TokenPlaces.Causal(states, width, length, length + width, prefix.Convention);
        Tensor hidden = model.Decode(model.Embed(padded.Ids), places, new PrefixMemory(prefix));
        return model.Logits(hidden);
    }

    private static int[][] Tokens(FamilyCase golden, string name)
    {
        long[][] ids = golden.Rows($"{name}.input_ids"), mask = golden.Rows($"{name}.attention_mask");
        return ids.Select((row, r) => row.Where((_, i) => mask[r][i] == 1).Select(id => (int)id).ToArray()).ToArray();
    }

    private static bool IsDecoderOnly(string folder)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        return !golden.Has("batch.decoder_input_ids");
    }

    private static bool HasPart(string folder, string part)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        return golden.Has(part switch
        {
            "left" => "left.last_logits",
            "prefix.left" => "prefix.last_logits",
            _ => $"{part}.logits",
        });
    }
}
