using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// A prefix says which base it was made for, also in its file, and another one is refused by what differs.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrefixBaseTests
{
    private static readonly MLContext Context = new(seed: 1);

    private readonly TemporaryFolder _folder = new();

    private string Saved => _folder["prefix.safetensors"];

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Load_OfTrainedPrefix_KnowsItsBase()
    {
        using BaseLease lease = TinyBase.Hold();
        Prefix prefix = Trained();
        prefix.Save(Saved);
        Prefix loaded = Prefix.Load(Saved);
        Assert.IsNull(lease.Base.Identity.Difference(loaded.Base!));
        Assert.IsNull(lease.Base.Identity.Difference(loaded.First(2).Base!));
        CollectionAssert.AreEqual(File.ReadAllBytes(Saved), loaded.ToBytes());
    }

    [TestMethod]
    public void GenerateText_OnABaseOfOtherWeights_NamesTheWeights()
    {
        Prefix prefix = Trained();
        BaseModel other = Other(bytes => bytes[^1] ^= 1);
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() => Generate(prefix, other));
        Assert.Contains($"it was made for another base model than '{other.Path}': weights: expected ", refused.Message);
        Assert.ThrowsExactly<InvalidOperationException>(() => prefix.SaveAsPeft(_folder["peft"], other));
        Assert.IsFalse(Directory.Exists(_folder["peft"]));
    }

    [TestMethod]
    public void GenerateText_OnABaseOfOtherPositions_NamesThem()
    {
        Prefix prefix = Trained();
        BaseModel other = Other(config: text => text.Replace("10000.0", "20000.0", StringComparison.Ordinal));
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() => Generate(prefix, other));
        Assert.Contains("decoder.rotary.theta: expected 10000, found 20000.", refused.Message);
    }

    [TestMethod]
    public void Check_OfAPrefixAsLongAsTheContext_IsRefused()
    {
        using BaseLease lease = TinyBase.Hold();
        TransformerSpec spec = lease.Base.Model.Spec;
        lease.Base.Check(OfLength(spec.ContextLength - 1));
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() =>
            lease.Base.Check(OfLength(spec.ContextLength)));
        Assert.Contains($"Prefix: expected fewer than {spec.ContextLength} tokens, the context window of",
            refused.Message);

        Prefix OfLength(int length)
        {
            SiteShape shape = SiteShape.Of(spec, AttentionSite.Decoder, length);
            return new Prefix([KeyValuePair.Create(AttentionSite.Decoder, shape.With(new float[shape.Count]))],
                PrefixConvention.DecoderOnly);
        }
    }

    [TestMethod]
    public void DistillPrefix_OfATeacherOfAnotherBase_IsRefused()
    {
        Prefix teacher = Trained();
        BaseModel other = Other(bytes => bytes[^1] ^= 1);
        PrefixDistillationEstimator estimator = Context.Transforms.Text.DistillPrefix("Output", "Input", other,
            PrefixTeacher.FromPrefix(teacher), new DistillationOptions
            {
                Student = TinyBase.Quick with { Prefix = new PrefixOptions { Length = 2 } },
            });
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() => estimator.Fit(Rows));
        Assert.Contains("it was made for another base model", refused.Message);
    }

    private static Prefix Trained()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context);
        return model.Prefix!;
    }

    private static IDataView Rows => Context.Data.LoadFromEnumerable(TinyBase.Rows(4));

    private static PrefixTuningTransformer Generate(Prefix prefix, BaseModel baseModel) =>
        Context.Transforms.Text.GenerateText("Output", "Input", baseModel, prefix).Fit(Rows);

    /// <summary>A copy of the tiny llama with other weights or another config.</summary>
    private BaseModel Other(Action<byte[]>? weights = null, Func<string, string>? config = null)
    {
        string folder = Directory.CreateDirectory(_folder["base"]).FullName;
        foreach (string file in Directory.EnumerateFiles(TinyBase.Folder("llama")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        if (weights is not null)
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
            weights(bytes);
            File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), bytes);
        }
        string path = Path.Combine(folder, "config.json");
        File.WriteAllText(path, config?.Invoke(File.ReadAllText(path)) ?? File.ReadAllText(path));
        return BaseModel.FromFolder(folder);
    }
}
