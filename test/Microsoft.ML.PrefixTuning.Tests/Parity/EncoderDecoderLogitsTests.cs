using System;
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

/// <summary>
/// Logits and gradients of encoder-decoder models against the reference: no prefix, PEFT's, the paper's three.
/// </summary>
[TestClass]
[TestCategory("Quick")]
[TestCategory("Parity")]
public sealed class EncoderDecoderLogitsTests
{
    private const double Tolerance = 3e-5;

    public static IEnumerable<object[]> Cases =>
        from folder in FamilyCase.Folders
        from part in (string[])["plain", "prefix", "sites"]
        where HasPart(folder, part)
        select new object[] { folder, part };

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Logits_OfGoldenBatch_EqualReference(string folder, string part)
    {
        using var scope = NewDisposeScope();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        var prefix = part switch
        {
            "prefix" => new Dictionary<AttentionSite, Tensor>
            { [AttentionSite.Decoder] = PeftPrefix(golden, frozen.Model) },
            "sites" => SitePrefixes(golden, frozen.Model.Spec),
            _ => [],
        };
        foreach (Tensor site in prefix.Values)
            site.requires_grad_();
        Tensor logits = Run(golden, frozen.Model, prefix, part == "prefix" ? PrefixConvention.Peft
            : PrefixConvention.EncoderDecoder);
        using var expected = golden.Stored($"{part}.logits");
        using var labels = golden.Stored("batch.labels");
        using (no_grad())
        {
            Tensor wanted = labels.ne(-100);
            double difference = ((logits - expected).abs() * wanted.unsqueeze(-1)).max().ToDouble();
            Assert.IsLessThanOrEqualTo(Tolerance, difference, $"largest difference of logits {difference}");
        }
        Tensor loss = nn.functional.cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1));
        Assert.AreEqual(golden.Numbers.GetProperty(part).GetProperty("loss").GetDouble(), loss.ToDouble(), 1e-5);
        if (part != "sites")
            return;
        loss.backward();
        foreach ((AttentionSite site, Tensor values) in prefix)
        {
            Tensor gradient = values.grad!;
            for (int layer = 0; layer < values.size(0); layer++)
            {
                for (int half = 0; half < 2; half++)
                {
                    Tensor wanted =
                        golden.Stored(
                        $"sites.grad.{site.ToString().ToLowerInvariant()}.{layer}.{(half == 0 ? "key" : "value")}");
                    double difference = (gradient[layer][half] - wanted).abs().max().ToDouble() / wanted.abs().max()
                        .ToDouble();
                    Assert.IsLessThanOrEqualTo(1e-4, difference,
                        $"{site} layer {layer}: relative difference of gradients {difference}");
                }
            }
        }
    }

    private static Tensor Run(FamilyCase golden, LanguageModel model, Dictionary<AttentionSite, Tensor> prefix,
        PrefixConvention convention)
    {
        Tensor source = golden.Stored("batch.input_ids"), mask = golden.Stored("batch.attention_mask");
        int[] lengths = mask.sum(1).to(ScalarType.Int32).data<int>().ToArray();
        var given = new SitePrefixes(prefix, convention);
        EncodedSource encoded = EncodedSource.Make(model, new TokenRows(source, lengths), given);
        Tensor target = golden.Stored("batch.decoder_input_ids");
        int rows = (int)target.size(0), width = (int)target.size(1);
        int length = given.LengthOf(AttentionSite.Decoder);
        RowState[] states = Enumerable.Repeat(new RowState(length, 0, width), rows).ToArray();
        AttentionPlaces places = TokenPlaces.Causal(states, width, length, length + width, convention);
        return model.Logits(model.Decode(model.Embed(target), places, new PrefixMemory(given), encoded.Cross(width)));
    }

    private static Tensor PeftPrefix(FamilyCase golden, LanguageModel model)
    {
        SitePrefix part = PeftAdapter.Import(Path.Combine(golden.Folder, "adapter"), model)
            .Part(AttentionSite.Decoder)!;
        return tensor(part.Values, part.Shape);
    }

    private static Dictionary<AttentionSite, Tensor> SitePrefixes(FamilyCase golden, TransformerSpec spec)
    {
        var prefix = new Dictionary<AttentionSite, Tensor>();
        foreach (AttentionSite site in Enum.GetValues<AttentionSite>())
        {
            string name = site.ToString().ToLowerInvariant();
            prefix[site] = stack(Enumerable.Range(0, spec.StackOf(site).Layers).Select(layer =>
                stack([golden.Stored($"sites.{name}.{layer}.key"), golden.Stored($"sites.{name}.{layer}.value")]))
                    .ToArray());
        }
        return prefix;
    }

    private static bool HasPart(string folder, string part)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        return golden.Has("batch.decoder_input_ids") && golden.Has($"{part}.logits");
    }
}
