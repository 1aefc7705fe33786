using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Prefixes;

/// <summary>Positions of a prefix that are left out in training.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PositionDropoutTests
{
    private const int Layers = 3, Heads = 2, Length = 40, Size = 4;
    private const double Share = 0.25;

    [TestMethod]
    public void Apply_OfNoShare_GivesThePrefixItself()
    {
        using var scope = NewDisposeScope();
        IReadOnlyDictionary<AttentionSite, Tensor> sites = Ones(Layers, 2, Heads, Length, Size);
        Assert.AreSame(sites, PositionDropout.Apply(sites, 0, Random(1)));
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Apply_LeavesValuesOfWholePositionsOut(bool hasGroups)
    {
        using var scope = NewDisposeScope();
        long[] shape = hasGroups ? [Layers, 2, 3, Heads, Length, Size] : [Layers, 2, Heads, Length, Size];
        Tensor dropped = PositionDropout.Apply(Ones(shape), Share, Random(1))[AttentionSite.Decoder];
        CollectionAssert.AreEqual(shape, dropped.shape);
        float[] keys = dropped.select(1, 0).contiguous().data<float>().ToArray();
        Assert.IsTrue(keys.All(key => key == 1), "keys stay");
        // [N, P]: what heads, groups and dimensions have alike.
        Tensor values = dropped.select(1, 1).transpose(1, -2).reshape(Layers, Length, -1);
        float[] most = values.max(2).values.data<float>().ToArray(),
            least = values.min(2).values.data<float>().ToArray();
        CollectionAssert.AreEqual(most, least);
        float[] kinds = [.. most.Distinct().Order()];
        Assert.HasCount(2, kinds);
        Assert.AreEqual(0f, kinds[0]);
        Assert.AreEqual(1 / (1 - Share), kinds[1], 1e-6);
        int left = most.Count(value => value == 0);
        Assert.IsTrue(left is > 15 and < 45, $"{left} of {most.Length}");
        Assert.IsFalse(most[..Length].SequenceEqual(most[Length..(2 * Length)]), "each layer has its own");
    }

    [TestMethod]
    public void Apply_HasTheGradientOfWhatIsLeft()
    {
        using var scope = NewDisposeScope();
        Tensor site = Ones(Layers, 2, Heads, Length, Size)[AttentionSite.Decoder].requires_grad_();
        var sites = new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = site };
        Tensor dropped = PositionDropout.Apply(sites, Share, Random(2))[AttentionSite.Decoder];
        Tensor gradient = autograd.grad([dropped], [site], [ones_like(dropped)])[0];
        Tensor ofOnes = PositionDropout.Apply(Ones(site.shape), Share, Random(2))[AttentionSite.Decoder];
        Assert.IsTrue(gradient.allclose(ofOnes, 0, 0));
    }

    private static Dictionary<AttentionSite, Tensor> Ones(params long[] shape) =>
        new() { [AttentionSite.Decoder] = ones(shape) };

    private static SeededRandom Random(int seed) => new(seed, RandomPurpose.Positions);
}
