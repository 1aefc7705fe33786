using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
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
        Tensor x = Normal(1, 5, 1003);
        x[1, 7] = x[1, 900] = 50;
        x[2, 1002] = 60;
        x[3, 400] = float.NaN;
        x[4].fill_(float.NegativeInfinity);
        x[4, 17] = -1e30;
        CollectionAssert.AreEqual(x.argmax(1).data<long>().ToArray(), RowKernels.Largest(x));
    }

    [TestMethod]
    public void Exp_OfWhatIsHidden_IsZero()
    {
        if (Lanes.AreWide)
            AssertExp<WideLanes>();
        AssertExp<PairedLanes>();
    }

    [TestMethod]
    [DataRow(2, 3, 16, 5, null)]
    [DataRow(1, 1, 6, 40, null)]
    [DataRow(4, 2, 20, 17, 30.0)]
    public void Mix_OfARow_IsAttentions(int groups, int group, int size, int columns, double? cap)
    {
        const int Rows = 3;
        StackSpec stack = Stack(groups, group, size) with { ScoreCap = cap };
        using var cache = new KeyValueCache(stack, ScalarType.Float32, CPU);
        cache.Block.Open(Rows + 2, columns);
        cache.Block.Ensure(columns + 3);
        for (int lane = 0; lane < Rows + 2; lane++)
            cache.Block.Fill(lane, Normal(lane, 1, 2, groups, columns, size));
        var lanes = new LaneRange(1, Rows, 1);
        int[] firsts = [columns - 1, columns - 3, columns - 2];
        Tensor queries = Normal(11, Rows, 1, groups * group, size);
        Tensor keys = Normal(12, Rows, 1, groups, size), values = Normal(13, Rows, 1, groups, size);
        Tensor hidden = zeros([Rows, 1, 1, columns]);
        for (int lane = 0; lane < Rows; lane++)
            hidden[lane, 0, 0].narrow(0, firsts[lane] + 1, columns - 1 - firsts[lane]).fill_(-1e30);
        var pass = new AttentionPass(AttentionSite.Decoder, 0, stack, null!, null, new AttentionMask(hidden), cache);

        cache.Begin(lanes, firsts, 1, columns);
        KeyValuePlaces places = cache.AppendToken(AttentionSite.Decoder, 0, keys, values)!.Value;
        Tensor found = TokenAttention.Mix(queries, places, pass), alone = OfFirstAlone();
        cache.Begin(lanes, firsts, 1, columns);
        (Tensor allKeys, Tensor allValues) = cache.Append(AttentionSite.Decoder, 0, keys.transpose(1, 2),
            values.transpose(1, 2));
        Near(Attention.Mix(queries, allKeys, allValues, pass), found);
        Assert.IsTrue(found[0].eq(alone[0]).all().ToBoolean(), "in any company");

        Tensor OfFirstAlone()
        {
            cache.Begin(new LaneRange(1, 1, 1), firsts.AsSpan(..1), 1, columns);
            return TokenAttention.Mix(queries.narrow(0, 0, 1),
                cache.AppendToken(AttentionSite.Decoder, 0, keys.narrow(0, 0, 1), values.narrow(0, 0, 1))!.Value,
                pass with { Mask = new AttentionMask(hidden.narrow(0, 0, 1)) });
        }
    }

    [TestMethod]
    [DataRow(2, 3, 16, 5)]
    [DataRow(4, 2, 20, 17)]
    public void Mix_OverBFloat16_IsThatOverItsNumbers(int groups, int group, int size, int columns)
    {
        const int Rows = 3;
        StackSpec stack = Stack(groups, group, size);
        using var narrow = new KeyValueCache(stack, ScalarType.BFloat16, CPU);
        using var wide = new KeyValueCache(stack, ScalarType.Float32, CPU);
        Tensor queries = Normal(11, Rows, 1, groups * group, size);
        Tensor keys = Normal(12, Rows, 1, groups, size), values = Normal(13, Rows, 1, groups, size);
        var pass = new AttentionPass(AttentionSite.Decoder, 0, stack, null!, null, default, wide);

        Tensor found = Mixed(narrow, keys, values, 0, Rows);
        AreSame(Mixed(wide, Rounded(keys), Rounded(values), 0, Rows), found);
        AreSame(found.narrow(0, 1, 1), Mixed(narrow, keys.narrow(0, 1, 1), values.narrow(0, 1, 1), 1, 1));
        Tensor[] seen = narrow.Block.Read(new LaneRange(0, Rows, 1), columns);
        AreSame(Rounded(keys)[2, 0], seen[0][2].select(1, columns - 1).to(ScalarType.Float32));
        AreSame(Rounded(values)[2, 0], seen[1][2].select(1, columns - 1).to(ScalarType.Float32));

        Tensor Mixed(KeyValueCache cache, Tensor ownKeys, Tensor ownValues, int first, int count)
        {
            cache.Block.Open(Rows, columns);
            cache.Block.Ensure(columns + 3);
            for (int lane = 0; lane < Rows; lane++)
                cache.Block.Fill(lane, Rounded(Normal(lane, 1, 2, groups, columns - 1, size)));
            cache.Begin(new LaneRange(first, count, 1), [.. Enumerable.Repeat(columns - 1, count)], 1, columns);
            return TokenAttention.Mix(queries.narrow(0, first, count),
                cache.AppendToken(AttentionSite.Decoder, 0, ownKeys, ownValues)!.Value, pass);
        }

        static Tensor Rounded(Tensor numbers) => numbers.to(ScalarType.BFloat16).to(ScalarType.Float32);
    }

    [TestMethod]
    public void Mix_OnManyThreads_HasTheBitsOfOne()
    {
        const int Rows = 3, Groups = 4, Group = 2, Size = 16, Columns = 200;
        StackSpec stack = Stack(Groups, Group, Size);
        using var cache = new KeyValueCache(stack, ScalarType.Float32, CPU);
        cache.Block.Open(Rows, Columns);
        cache.Block.Ensure(Columns);
        for (int lane = 0; lane < Rows; lane++)
            cache.Block.Fill(lane, Normal(lane, 1, 2, Groups, Columns - 1, Size));
        Tensor queries = Normal(11, Rows, 1, Groups * Group, Size);
        Tensor keys = Normal(12, Rows, 1, Groups, Size), values = Normal(13, Rows, 1, Groups, Size);
        var pass = new AttentionPass(AttentionSite.Decoder, 0, stack, null!, null, default, cache);
        Tensor alone = With(1);
        for (int turn = 0; turn < 20; turn++)
            AreSame(alone, With(4));

        Tensor With(int threads)
        {
            using TorchThreads used = TorchThreads.Use(threads);
            cache.Begin(new LaneRange(0, Rows, 1), [.. Enumerable.Repeat(Columns - 1, Rows)], 1, Columns);
            return TokenAttention.Mix(queries, cache.AppendToken(AttentionSite.Decoder, 0, keys, values)!.Value, pass);
        }
    }

    private static StackSpec Stack(int groups, int group, int size) => new()
    {
        Layers = 1,
        Heads = new HeadShape(groups * group, groups, size),
        Norm = new NormSpec(NormKind.Layer, 1e-5),
        Residual = Residual.NormFirst,
        FeedForward = new FeedForwardSpec(Activation.Silu, 16, Gated: true),
        Positions = new LearnedPositions(64),
    };

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
