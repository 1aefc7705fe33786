using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// Attention of one new token a row: against torch's operators, against one sum after the other, and in other company.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TokenAttentionTests
{
    private readonly TensorScope _scope = new();

    [TestCleanup]
    public void End() => _scope.Dispose();

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

    /// <summary>Whatever is read together: queries, keys and parts of values of any number, some left over.</summary>
    [TestMethod]
    [DataRow(6, nameof(ScalarType.Float32))]
    [DataRow(16, nameof(ScalarType.BFloat16))]
    [DataRow(37, nameof(ScalarType.Float32))]
    [DataRow(64, nameof(ScalarType.BFloat16))]
    [DataRow(64, nameof(ScalarType.Float32))]
    [DataRow(100, nameof(ScalarType.BFloat16))]
    public void Mix_OfAnyGroup_HasTheBitsOfOneSumAfterTheOther(int size, string name)
    {
        ScalarType type = Enum.Parse<ScalarType>(name);
        for (int group = 1; group <= 9; group++)
        {
            using var scope = NewDisposeScope();
            var trial = new TokenAttentionTrial(group, size, type);
            trial.AssertBits<PairedLanes>();
            if (Lanes.AreWide)
                trial.AssertBits<WideLanes>();
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
}
