using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>What is done for one new token a row, against torch's operators, which serve everything else.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowKernelsTests
{
    private readonly TensorScope _scope = new();

    [TestCleanup]
    public void End() => _scope.Dispose();

    [TestMethod]
    public void Suits_OneTokenOfFloat32WithoutGradient_Alone()
    {
        Assert.IsTrue(RowKernels.Suits(Normal(1, 3, 1, 8)));
        Assert.IsFalse(RowKernels.Suits(Normal(1, 3, 2, 8)), "two tokens");
        Assert.IsFalse(RowKernels.Suits(Normal(1, 3, 1, 8).to(ScalarType.BFloat16)), "bfloat16");
        Assert.IsFalse(RowKernels.Suits(Normal(1, 8, 1, 3).transpose(0, 2)), "not as it lies");
        using var gradient = enable_grad();
        Assert.IsFalse(RowKernels.Suits(Normal(1, 3, 1, 8)), "with a gradient");
    }

    [TestMethod]
    [DataRow(64, nameof(NormKind.RootMeanSquare))]
    [DataRow(21, nameof(NormKind.RootMeanSquare))]
    [DataRow(48, nameof(NormKind.Layer))]
    [DataRow(7, nameof(NormKind.Layer))]
    public void Norm_OfARow_IsTorchs(int width, string name)
    {
        NormKind kind = Enum.Parse<NormKind>(name);
        var norm = new Norm(Normal(1, width), kind == NormKind.Layer ? Normal(2, width) : null);
        var spec = new NormSpec(kind, 1e-5);
        Tensor row = Normal(3, 2, 1, width), two = cat([row, row], 1);
        Near(norm.Apply(two, spec).narrow(1, 0, 1), norm.Apply(row, spec));
    }

    [TestMethod]
    [DataRow(16, 8)]
    [DataRow(20, 6)]
    public void Rotate_OfARow_IsTorchs(int size, int pairs)
    {
        Tensor heads = Normal(1, 3, 1, 4, size), before = heads.clone();
        Tensor cosine = Normal(2, 3, 1, 1, pairs), sine = Normal(3, 3, 1, 1, pairs);
        Tensor two = Rotary.Rotate(cat([heads, heads], 1), cat([cosine, cosine], 1), cat([sine, sine], 1));
        Near(two.narrow(1, 0, 1), Rotary.Rotate(heads, cosine, sine));
        Assert.IsTrue(before.eq(heads).all().ToBoolean(), "what came in stays");
    }

    [TestMethod]
    [DataRow(64)]
    [DataRow(5)]
    public void Gate_OfARow_IsTorchs(int width)
    {
        Tensor gate = Normal(1, 2, 1, width) * 20, up = Normal(2, 2, 1, width);
        Tensor wanted = nn.functional.silu(gate) * up;
        RowKernels.Gate(gate, up);
        Near(wanted, gate);
    }

    [TestMethod]
    public void Gate_OfARow_HasTheSameBitsInAnyCompany()
    {
        Tensor gate = Normal(1, 5, 1, 37) * 20, up = Normal(2, 5, 1, 37);
        Tensor alone = gate[4].unsqueeze(0).clone(), first = gate[0].unsqueeze(0).clone();
        RowKernels.Gate(alone, up[4].unsqueeze(0));
        RowKernels.Gate(first, up[0].unsqueeze(0));
        RowKernels.Gate(gate, up);
        Assert.IsTrue(gate[4].eq(alone[0]).all().ToBoolean(), "the last");
        Assert.IsTrue(gate[0].eq(first[0]).all().ToBoolean(), "the first");
    }

    [TestMethod]
    [DataRow(1.0)]
    [DataRow(0.22)]
    public void Sum_OfRows_IsTorchs(double scale)
    {
        Tensor x = Normal(1, 3, 1, 37), half = Normal(2, 3, 1, 37);
        Near(x.add(half, scale), RowKernels.Sum(x, half, scale));
    }

    [TestMethod]
    public void Largest_OfRows_IsTorchs()
    {
        Tensor x = Normal(1, 7, 1003);
        x[1, 7] = x[1, 900] = 50;
        x[2, 1002] = 60;
        x[3, 400] = float.NaN;
        x[4].fill_(float.NegativeInfinity);
        x[4, 17] = -1e30;
        x[5].fill_(-0f);
        x[5, 900] = 0f;
        x[6].fill_(-1);
        x[6, 11] = -0f;
        x[6, 40] = 0f;
        CollectionAssert.AreEqual(x.argmax(1).data<long>().ToArray(), RowKernels.Largest(x));
    }

    [TestMethod]
    public void Exp_OfWhatIsHidden_IsZero()
    {
        if (Lanes.AreWide)
            AssertExp<WideLanes>();
        AssertExp<PairedLanes>();
    }

    private static unsafe void AssertExp<T>()
        where T : struct, ILanes<T>
    {
        float* numbers = stackalloc float[Lanes.Count];
        T.Store(T.Exp(T.All(-1e30f)), numbers);
        Assert.AreEqual(0, numbers[3]);
        T.Store(T.Exp(T.All(float.NegativeInfinity)), numbers);
        Assert.AreEqual(0, numbers[0]);
        T.Store(T.Exp(T.All(1)), numbers);
        Assert.AreEqual(Math.E, numbers[15], 1e-6);
    }
}
