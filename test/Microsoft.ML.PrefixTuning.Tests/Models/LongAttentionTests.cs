using System;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.AttentionTrial;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Attention of long rows, for which no mask of all queries and heads is made.</summary>
[TestClass]
public sealed class LongAttentionTests
{
    private const double Tolerance = 2e-6;

    private static readonly int[] s_lengths = [9, 5];

    [TestMethod]
    [DataRow(nameof(PrefixPlacement.Front), null)]
    [DataRow(nameof(PrefixPlacement.Front), 100)]
    public void Self_WithHeadsApart_EqualsHeadsTogether(string placement, int? window)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(placement, s_lengths);
        AttentionMask together = Mask(places, Stack(window), long.MaxValue), apart = Mask(places, Stack(window), 0);
        Assert.AreEqual((false, false), (together.HeadsApart, together.IsCausal));
        Assert.AreEqual(new AttentionMask(null, HeadsApart: true, IsCausal: true), apart);

        AssertEqual(Attend(together, s_lengths, Stack(window)), Attend(apart, s_lengths, Stack(window)));
    }

    /// <summary>Parts of one query, and of several with a smaller one at the end.</summary>
    [TestMethod]
    [DataRow(nameof(PrefixPlacement.Front), "window", 0)]
    [DataRow(nameof(PrefixPlacement.Front), "window", 400)]
    [DataRow(nameof(PrefixPlacement.BeforeLastSourceToken), "", 400)]
    [DataRow(nameof(PrefixPlacement.AfterSource), "window", 400)]
    [DataRow(nameof(PrefixPlacement.Front), "cap", 0)]
    [DataRow(nameof(PrefixPlacement.Front), "cap", 400)]
    [DataRow(nameof(PrefixPlacement.AfterSource), "cap window", 400)]
    [DataRow(nameof(PrefixPlacement.Front), "bias", 0)]
    [DataRow(nameof(PrefixPlacement.Front), "bias", 400)]
    [DataRow("branches", "", 0)]
    [DataRow("branches", "", 400)]
    [DataRow("branches", "window", 400)]
    [DataRow("everywhere", "bias", 0)]
    [DataRow("everywhere", "bias", 400)]
    public void Self_WithQueriesInParts_EqualsAllAtOnce(string placement, string kind, int mostNumbers)
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = Places(placement, s_lengths);
        StackSpec stack = OfKind(kind);
        AttentionMask together = Mask(places, stack, long.MaxValue), parts = Mask(places, stack, mostNumbers);
        Assert.IsNull(together.Parts);
        Assert.IsNull(parts.Added);
        Assert.AreEqual(mostNumbers == 0 ? 1 : 4, parts.Parts!.Size);

        AssertEqual(Attend(together, s_lengths, stack), Attend(parts, s_lengths, stack));
        using var noGradient = no_grad();
        AssertClose(Mixed(together, s_lengths, stack), Mixed(parts, s_lengths, stack));
    }

    /// <summary>A bias that is trained has a gradient of its own.</summary>
    [TestMethod]
    public void Make_WithABiasThatIsTrained_MakesTheMaskWhole()
    {
        using var scope = NewDisposeScope();
        AttentionMask mask = AttentionInput.Make(Places("everywhere", s_lengths), OfKind("bias"),
            Bias().requires_grad_(), ScalarType.Float32, CPU, 0).FullMask;
        Assert.IsNull(mask.Parts);
        Assert.IsTrue(mask.Added!.requires_grad);
    }

    /// <summary>
    /// Eight thousand tokens behind a prefix: a mask would have 64 million numbers a head. And the rows of an ordinary
    /// pass.
    /// </summary>
    [TestMethod]
    [DataRow("", 1, 8000)]
    [DataRow("window", 1, 8000)]
    [DataRow("cap", 1, 8000)]
    [DataRow("bias", 1, 8000)]
    [DataRow("", 2, 2004)]
    [DataRow("window", 2, 2004)]
    [DataRow("cap", 2, 2004)]
    [DataRow("bias", 2, 2004)]
    public void Make_OfLongRows_MakesNoTensorOfTokensByTokens(string kind, int rows, int tokens)
    {
        using var scope = NewDisposeScope();
        StackSpec stack = OfKind(kind);
        AttentionPlaces places = TokenPlaces.Causal([.. Enumerable.Repeat(new RowState(20, 0, tokens), rows)], tokens,
            20, 20 + tokens, PrefixConvention.DecoderOnly);
        Tensor? bias = kind == "bias" ? Bias() : null;
        long before = OwnTensors.Live;

        AttentionInput input = AttentionInput.Make(places, stack, bias, ScalarType.Float32, CPU);

        AttentionMask mask = input.MaskOf(stack, 0);
        Assert.IsNull(mask.Added);
        Assert.AreEqual((kind.Length == 0, kind.Length > 0), (mask.IsCausal, mask.Parts is not null));
        Assert.AreEqual(1, OwnTensors.Live - before, "the positions alone");
        if (mask.Parts is not { } parts)
            return;
        Assert.IsLessThanOrEqualTo(1L << 22, (20L + tokens) * rows * Heads * parts.Size);
        Assert.IsLessThanOrEqualTo(1L << 22, parts.Of(tokens / 2, parts.Size).Added!.numel());
    }

    /// <summary>
    /// Few tokens behind many keys: the kernel's causal order would count a query for each of these, too.
    /// </summary>
    [TestMethod]
    public void Make_OfTokensBehindMoreKeys_TakesParts()
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = TokenPlaces.Causal([new RowState(9000, 0, 256)], 256, 9000, 9256,
            PrefixConvention.DecoderOnly);

        AttentionMask mask = AttentionInput.Make(places, Stack(window: null), null, ScalarType.Float32, CPU).FullMask;

        Assert.IsNotNull(mask.Parts);
        Assert.IsFalse(mask.IsCausal);
    }

    /// <summary>
    /// However many rows write, and whatever they see: one of them ends before the last column, which it must not see.
    /// </summary>
    [TestMethod]
    public void Make_OfOneTokenARow_MakesTheMaskWhole()
    {
        using var scope = NewDisposeScope();
        var places = new AttentionPlaces(2, 1, 3);
        int[] columns = [2, 1];
        for (int row = 0; row < columns.Length; row++)
        {
            places.SetQuery(row, 0, columns[row]);
            for (int key = 0; key <= columns[row]; key++)
                places.SetKey(row, key, key);
        }

        Tensor mask = AttentionInput.Make(places, Stack(window: null), null, ScalarType.Float32, CPU, 0).FullMask
            .Added!;

        CollectionAssert.AreEqual(new float[] { 0, 0, 0, 0, 0, -1e30f }, mask.data<float>().ToArray());
    }

    /// <summary>The numbers of float32, rounded once, where no mask is made as well.</summary>
    [TestMethod]
    public void Mix_InBFloat16WithHeadsApart_GoesBackInFloat32()
    {
        using var scope = NewDisposeScope();
        AssertEqual(Gradients(ScalarType.Float32), Gradients(ScalarType.BFloat16), 0);

        static float[][] Gradients(ScalarType type)
        {
            Tensor[] leaves = [Waves(type, 1, 5, 4, 8), Waves(type, 1, 2, 8, 8), Waves(type, 1, 2, 8, 8)];
            var pass = new AttentionPass(AttentionSite.Decoder, 0, Stack(window: null), null!, null,
                new AttentionMask(null, HeadsApart: true, IsCausal: true), NoMemory.Instance);
            Tensor mixed = Attention.Mix(leaves[0], leaves[1], leaves[2], pass);
            return [.. autograd.grad([mixed], leaves, [ones_like(mixed)]).Select(gradient =>
                gradient.to(ScalarType.BFloat16).to(ScalarType.Float32).contiguous().data<float>().ToArray())];
        }

        static Tensor Waves(ScalarType type, params long[] shape) =>
            arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Float32).sin().view(shape)
                .to(ScalarType.BFloat16).to(type).requires_grad_();
    }

    /// <summary>
    /// Forward and back over 2,500 tokens and four heads: what every part takes stays, what all would take (25 million
    /// biases, 6 million distances) is not made.
    /// </summary>
    [TestMethod]
    public void Self_WithQueriesInParts_TakesNoMemoryOfTokensByTokens()
    {
        Assert.IsGreaterThan(150, Megabytes(long.MaxValue), "the measure sees what is made");
        Assert.IsLessThan(75, Megabytes(1L << 20));

        static int Megabytes(long mostNumbers)
        {
            string told = ChildProcess.Run(AttentionChild.Attend, mostNumbers.ToString(CultureInfo.InvariantCulture));
            return int.Parse(told, CultureInfo.InvariantCulture);
        }
    }

    [TestMethod]
    public void Make_WhereAllQueriesSeeAlike_MakesTheMaskOfOne()
    {
        using var scope = NewDisposeScope();
        AttentionPlaces places = TokenPlaces.Everywhere(s_lengths, 9, s_lengths, 9, Front);

        AttentionMask mask = AttentionInput.Make(places, Stack(window: null), null, ScalarType.Float32, CPU).FullMask;

        CollectionAssert.AreEqual(new long[] { 2, 1, 1, Front + 9 }, mask.Added!.shape);
    }

    private static void AssertEqual(float[][] expected, float[][] found, double tolerance = Tolerance)
    {
        Assert.HasCount(expected.Length, found);
        for (int i = 0; i < expected.Length; i++)
            AssertClose(expected[i], found[i], tolerance);
    }

    private static void AssertClose(float[] expected, float[] found, double tolerance = Tolerance)
    {
        Assert.HasCount(expected.Length, found);
        Assert.IsLessThanOrEqualTo(tolerance * expected.Max(Math.Abs),
            expected.Zip(found, (a, b) => Math.Abs(a - b)).Max());
    }
}
