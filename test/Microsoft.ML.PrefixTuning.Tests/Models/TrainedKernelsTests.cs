using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// Norms, gates and rotations where a gradient is wanted, against torch's operators, which serve everything else.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainedKernelsTests
{
    private const double Epsilon = 1e-5;

    private static readonly NormSpec s_spec = new(NormKind.RootMeanSquare, Epsilon);

    private readonly DisposeScope _scope = NewDisposeScope();

    [TestCleanup]
    public void End() => _scope.Dispose();

    [TestMethod]
    public void Suits_WhatWantsAGradientAndLiesAsItIs_Alone()
    {
        Tensor x = Wanted(1, 3, 5, 8);
        Assert.IsTrue(TrainedKernels.Suits(x));
        Assert.IsTrue(TrainedKernels.Suits(x.to(ScalarType.BFloat16)));
        Assert.IsTrue(TrainedKernels.Suits(x.view(15, 8)));
        Assert.IsFalse(TrainedKernels.Suits(x.detach()), "no gradient is wanted");
        Assert.IsFalse(TrainedKernels.Suits(x.to(ScalarType.Float64)), "another type");
        Assert.IsFalse(TrainedKernels.Suits(x.transpose(0, 1)), "not as it lies");
        Assert.IsFalse(TrainedKernels.Suits(x.narrow(0, 0, 0)), "empty");
        using var gradientsOff = no_grad();
        Assert.IsFalse(TrainedKernels.Suits(x), "without gradients");
    }

    [TestMethod]
    [DataRow(ScalarType.Float32, 64, 0)]
    [DataRow(ScalarType.Float32, 21, 0)]
    [DataRow(ScalarType.Float32, 7, 3)]
    [DataRow(ScalarType.Float32, 32, 3)]
    [DataRow(ScalarType.BFloat16, 576, 0)]
    [DataRow(ScalarType.BFloat16, 21, 3)]
    public void Norm_WithGradient_IsTorchs(ScalarType type, int width, int heads)
    {
        Tensor weight = Normal(1, width);
        Tensor x = heads == 0 ? Normal(2, 2, 5, width) : Normal(2, 2, 5, heads, width);
        AreEqual(of => new Norm(weight, null).Apply(of[0], s_spec), of => Normed(of[0], weight), type, x * 3);
    }

    [TestMethod]
    public void Norm_OfNumbersNearZero_IsTorchs()
    {
        Tensor weight = Normal(1, 37), x = Normal(2, 1, 3, 37) * 1e-3;
        AreEqual(of => new Norm(weight, null).Apply(of[0], s_spec with { Kind = NormKind.RootMeanSquareOfOnePlus }),
            of => Normed(of[0], weight), ScalarType.Float32, x);
        AreEqual(of => new Norm(weight, null).Apply(of[0], s_spec), of => Normed(of[0], weight), ScalarType.Float32,
            zeros_like(x));
    }

    [TestMethod]
    [DataRow(ScalarType.Float32, 64)]
    [DataRow(ScalarType.Float32, 37)]
    [DataRow(ScalarType.Float32, 5)]
    [DataRow(ScalarType.BFloat16, 64)]
    [DataRow(ScalarType.BFloat16, 21)]
    public void Gated_WithGradient_IsTorchs(ScalarType type, int width) => AreEqual(
        of => Layers.Gated(of[0], of[1], Activation.Silu), of => nn.functional.silu(of[0]) * of[1], type,
        Normal(1, 2, 5, width) * 6, Normal(2, 2, 5, width));

    [TestMethod]
    public void Gated_OfNumbersThatAreLarge_IsTorchs()
    {
        float[] numbers = [-2000, -104, -89, -20, 0, 20, 89, 104, 2000];
        Tensor gate = tensor(numbers, [1, numbers.Length]);
        AreEqual(of => Layers.Gated(of[0], of[1], Activation.Silu), of => nn.functional.silu(of[0]) * of[1],
            ScalarType.Float32, gate, ones_like(gate));
    }

    [TestMethod]
    [DataRow(ScalarType.Float32, 64, 32)]
    [DataRow(ScalarType.Float32, 16, 8)]
    [DataRow(ScalarType.Float32, 20, 6)]
    [DataRow(ScalarType.Float32, 80, 37)]
    [DataRow(ScalarType.BFloat16, 64, 32)]
    [DataRow(ScalarType.BFloat16, 20, 6)]
    public void Rotate_WithGradient_IsTorchs(ScalarType type, int size, int pairs)
    {
        Tensor cosine = Normal(2, 2, 5, 1, pairs).to(type), sine = Normal(3, 2, 5, 1, pairs).to(type);
        Tensor wideCosine = cosine.to(ScalarType.Float32), wideSine = sine.to(ScalarType.Float32);
        AreEqual(of => Rotary.Rotate(of[0], cosine, sine), of => Rotated(of[0], wideCosine, wideSine), type,
            Normal(1, 2, 5, 3, size));
        // As attention takes them: its gradients lie head by head.
        AreEqual(of => Rotary.Rotate(of[0], cosine, sine).transpose(1, 2),
            of => Rotated(of[0], wideCosine, wideSine).transpose(1, 2), type, Normal(1, 2, 5, 3, size));
    }

    /// <summary>The gradient of a sum is one number for all of its numbers, however many there are.</summary>
    [TestMethod]
    [DataRow(1)]
    [DataRow(-1)]
    public void Gradients_OfSums_AreTorchs(int axis)
    {
        Tensor weight = Normal(1, 21), cosine = Normal(3, 2, 5, 1, 4), sine = Normal(4, 2, 5, 1, 4);
        AreEqual(of => new Norm(weight, null).Apply(of[0], s_spec).sum(axis), of => Normed(of[0], weight).sum(axis),
            ScalarType.Float32, Normal(5, 2, 5, 21));
        AreEqual(of => Layers.Gated(of[0], of[1], Activation.Silu).sum(axis),
            of => (nn.functional.silu(of[0]) * of[1]).sum(axis), ScalarType.Float32, Normal(6, 2, 5, 21),
            Normal(2, 2, 5, 21));
        AreEqual(of => Rotary.Rotate(of[0], cosine, sine).sum(axis), of => Rotated(of[0], cosine, sine).sum(axis),
            ScalarType.Float32, Normal(7, 2, 5, 3, 8));
    }

    [TestMethod]
    public void Norm_OfAWeightThatMoves_IsTorchs()
    {
        Tensor x = Normal(1, 2, 5, 21);
        AreEqual(of => new Norm(of[1], null).Apply(of[0], s_spec), of => Normed(of[0], of[1]), ScalarType.Float32, x,
            Normal(2, 21));
    }

    [TestMethod]
    public void Parts_NotAsTheyLie_AreTorchs()
    {
        Tensor weight = Normal(1, 21), cosine = Normal(2, 5, 2, 1, 4), sine = Normal(3, 5, 2, 1, 4);
        AreEqual(of => new Norm(weight, null).Apply(of[0].transpose(0, 1), s_spec),
            of => Normed(of[0].transpose(0, 1), weight), ScalarType.Float32, Normal(4, 2, 5, 21));
        AreEqual(of => Layers.Gated(of[0].transpose(0, 1), of[1].transpose(0, 1), Activation.Silu),
            of => (nn.functional.silu(of[0]) * of[1]).transpose(0, 1), ScalarType.Float32, Normal(5, 2, 5, 21),
            Normal(6, 2, 5, 21));
        AreEqual(of => Rotary.Rotate(of[0].transpose(0, 1), cosine, sine),
            of => Rotated(of[0].transpose(0, 1), cosine, sine), ScalarType.Float32, Normal(7, 2, 5, 3, 8));
    }

    /// <summary>More numbers than a thread takes at a time. A layer that is run twice needs the same bits.</summary>
    [TestMethod]
    [DataRow(ScalarType.Float32)]
    [DataRow(ScalarType.BFloat16)]
    public void Parts_OnManyThreadsAndInAnyCompany_HaveTheSameBits(ScalarType type)
    {
        const int Rows = 9, Tokens = 40, Heads = 5, Size = 67;
        Tensor weight = Normal(1, Heads * Size);
        Tensor cosine = Normal(2, Rows, Tokens, 1, 30).to(type), sine = Normal(3, Rows, Tokens, 1, 30).to(type);
        Tensor x = Normal(4, Rows, Tokens, Heads * Size).to(type);
        Tensor up = Normal(5, Rows, Tokens, Heads * Size).to(type);
        Tensor gradient = Normal(6, Rows, Tokens, Heads * Size).to(type);
        Tensor[] alone = With(1, 0, Rows);
        for (int turn = 0; turn < 10; turn++)
            AreAllSame(alone, With(4, 0, Rows));
        AreAllSame([.. alone.Select(one => one.narrow(0, 4, 1))], With(4, 4, 1));

        Tensor[] With(int threads, int first, int count)
        {
            using TorchThreads used = TorchThreads.Use(threads);
            Tensor own = Part(x).requires_grad_(), other = Part(up).requires_grad_();
            Tensor heads = own.view(count, Tokens, Heads, Size);
            Tensor[] made = [new Norm(weight, null).Apply(own, s_spec), Layers.Gated(own, other, Activation.Silu),
                Rotary.Rotate(heads, Part(cosine), Part(sine)).flatten(2)];
            return [.. made, .. made.SelectMany((one, place) =>
                autograd.grad([one], place == 1 ? [own, other] : [own], [Part(gradient)]))];

            Tensor Part(Tensor whole) => whole.narrow(0, first, count).clone();
        }

        static void AreAllSame(Tensor[] wanted, Tensor[] found)
        {
            Assert.HasCount(wanted.Length, found);
            for (int i = 0; i < wanted.Length; i++)
                AreSame(wanted[i], found[i]);
        }
    }

    /// <summary>Nothing lies between what goes in and what comes out, on either way.</summary>
    [TestMethod]
    public void Parts_WithGradient_LeaveTheirResultAlone()
    {
        Tensor x = Wanted(2, 2, 5, 64), up = Wanted(3, 2, 5, 64), heads = Wanted(4, 2, 5, 3, 8);
        Tensor cosine = Normal(5, 2, 5, 1, 4), sine = Normal(6, 2, 5, 1, 4);
        var norm = new Norm(Normal(1, 64), null);
        LeavesOne(() => norm.Apply(x, s_spec), x);
        LeavesOne(() => Layers.Gated(x, up, Activation.Silu), x, up);
        LeavesOne(() => Rotary.Rotate(heads, cosine, sine), heads);

        static void LeavesOne(Func<Tensor> make, params Tensor[] leaves)
        {
            using var scope = NewDisposeScope();
            long before = OwnTensors.Live;
            Tensor made = make();
            Assert.AreEqual(before + 1, OwnTensors.Live);
            Tensor gradient = ones_like(made);
            Assert.HasCount(leaves.Length, WayBack.Gradients([made], leaves, [gradient]));
            Assert.AreEqual(before + 2 + leaves.Length, OwnTensors.Live);
        }
    }

    /// <summary>The dispose scope around the way back would hold what the functions of all layers make.</summary>
    [TestMethod]
    public void Gradient_ThroughManyParts_LeavesOneGradient()
    {
        Tensor weight = Normal(1, 64), x = Wanted(2, 2, 5, 64);
        Tensor made = x;
        for (int layer = 0; layer < 20; layer++)
            made = new Norm(weight, null).Apply(Layers.Gated(made, made, Activation.Silu), s_spec);
        Tensor ofMade = ones_like(made);
        long before = OwnTensors.Live;

        Tensor gradient = WayBack.Gradients([made], [x], [ofMade])[0];

        Assert.AreEqual(before + 1, OwnTensors.Live);
        Assert.IsTrue(gradient.isfinite().all().ToBoolean());
    }

    /// <summary>What a function keeps may not move; what it does not keep may.</summary>
    [TestMethod]
    public void Rotate_WithGradient_KeepsNothingOfHeads()
    {
        Tensor heads = Wanted(1, 2, 5, 3, 8), cosine = Normal(2, 2, 5, 1, 4), sine = Normal(3, 2, 5, 1, 4);
        Tensor made = Rotary.Rotate(heads, cosine, sine), wanted = Rotated(heads, cosine, sine);
        Tensor gradient = Normal(4, 2, 5, 3, 8);
        Tensor first = autograd.grad([wanted], [heads], [gradient])[0];
        using (no_grad())
            heads.zero_();
        Near(first, WayBack.Gradients([made], [heads], [gradient])[0], 1e-6);
    }

    /// <summary>An exception that crossed native code would end the process.</summary>
    [TestMethod]
    public void Gradient_OfWhatMoved_ThrowsBehindTheWayBack()
    {
        Tensor x = Wanted(1, 2, 5, 8), up = Wanted(2, 2, 5, 8), weight = Normal(3, 8);
        Tensor normed = new Norm(weight, null).Apply(x, s_spec), gated = Layers.Gated(x, up, Activation.Silu);
        using (no_grad())
            x.zero_();
        Assert.ThrowsExactly<ExternalException>(() => WayBack.Gradients([normed], [x], [ones_like(normed)]));
        Assert.ThrowsExactly<ExternalException>(() => WayBack.Gradients([gated], [x, up], [ones_like(gated)]));
    }

    /// <summary>
    /// A function that kept what its inputs come from, as by leaving out detach in norm or gate, would hold the one
    /// before it by more than the graph's edge: torch, which frees edges one after the other, would then free it within
    /// this one's end, thousands deep, and the stack's end is the process's.
    /// </summary>
    [TestMethod]
    public void Graph_OfManyFunctions_EndsWithinASmallStack()
    {
        const int Functions = 2_000, StackBytes = 256 << 10;
        double? gradient = null;
        var thread = new Thread(() =>
        {
            using var scope = NewDisposeScope();
            Tensor x = Wanted(1, 1, 1, 8), weight = ones(8), y = x;
            for (int i = 0; i < Functions; i++)
            {
                Tensor normed = new Norm(weight, null).Apply(y, s_spec);
                y = Layers.Gated(normed, normed, Activation.Silu);
            }
            gradient = WayBack.Gradients([y], [x], [ones_like(y)])[0].sum().ToDouble();
        }, StackBytes);
        thread.Start();
        thread.Join();
        Assert.IsNotNull(gradient);
    }

    private static Tensor Wanted(int seed, params long[] shape) => Normal(seed, shape).requires_grad_();

    private static Tensor Normed(Tensor x, Tensor weight) =>
        x * (x.square().mean([-1], keepdim: true) + Epsilon).rsqrt() * weight;

    private static Tensor Rotated(Tensor heads, Tensor cosine, Tensor sine)
    {
        long pairs = cosine.size(-1), size = heads.size(-1);
        Tensor first = heads.narrow(-1, 0, pairs), second = heads.narrow(-1, pairs, pairs);
        return cat([first * cosine - second * sine, second * cosine + first * sine,
            heads.narrow(-1, 2 * pairs, size - 2 * pairs)], -1);
    }

    /// <summary>
    /// Value and gradients are those of torch's operators in float32; in bfloat16 they are these, rounded once.
    /// </summary>
    private static void AreEqual(Func<Tensor[], Tensor> own, Func<Tensor[], Tensor> torchs, ScalarType type,
        params Tensor[] inputs)
    {
        Tensor[] leaves = [.. inputs.Select(input => input.to(type).detach().requires_grad_())];
        Tensor[] wide = [.. leaves.Select(leaf => leaf.detach().to(ScalarType.Float32).requires_grad_())];
        Tensor found = own(leaves), wanted = torchs(wide), gradient = Normal(99, found.shape).to(type);
        IsNear(wanted, found);
        IList<Tensor> gradients = autograd.grad([found], leaves, [gradient]);
        IList<Tensor> wantedGradients = autograd.grad([wanted], wide, [gradient.to(ScalarType.Float32)]);
        for (int i = 0; i < leaves.Length; i++)
            IsNear(wantedGradients[i], gradients[i]);

        void IsNear(Tensor expected, Tensor given)
        {
            Assert.AreEqual(type, given.dtype);
            if (type == ScalarType.Float32)
                Near(expected, given, 1e-6);
            else
                IsWithin(expected, given.to(ScalarType.Float32), expected.abs() / 256 + 1e-5);
        }
    }
}
