using System;
using System.Linq;
using System.Runtime.CompilerServices;
using LLama.Native;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>Which prefixes lie in llama.cpp's memory, and how much room they take there.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaSequencesTests
{
    private LlamaModel _model = null!;

    [TestInitialize]
    public void Load() => _model = LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1);

    [TestCleanup]
    public void Free() => _model.Release();

    [TestMethod]
    public void Clear_WithPrefixesInMemory_LeavesThemAndEmptiesTheLanes()
    {
        Prefix[] prefixes = [LlamaCase.Narrow.Random(5), LlamaCase.Narrow.Random(7)];
        Array.ForEach(prefixes, _model.Prepare);
        using var sequences = new LlamaSequences(_model, lanes: 2, cells: 40, batchTokens: 32);
        float[][] expected = Array.ConvertAll(prefixes, prefix => Scores(sequences, prefix));

        // More often than there is memory for, if something stayed in the lanes.
        for (int i = 0; i < 30; i++)
        {
            sequences.Clear();
            Assert.AreEqual(2, sequences.ResidentCount);
            float[][] found = Array.ConvertAll(prefixes, prefix => Scores(sequences, prefix));
            for (int one = 0; one < 2; one++)
            {
                // Tokens may lie in another order now, and be added up in it.
                double largest = expected[one].Max(Math.Abs);
                Assert.IsLessThanOrEqualTo(1e-5 * largest,
                    expected[one].Zip(found[one], (a, b) => Math.Abs((double)a - b)).Max());
            }
        }
    }

    [TestMethod]
    public void PutPrefix_WhereFreeMemoryIsScattered_HasTheSameScores()
    {
        Prefix prefix = LlamaCase.Narrow.Random(40);
        _model.Prepare(prefix);
        using var sequences = new LlamaSequences(_model, lanes: 3, cells: 216, batchTokens: 256);
        float[] expected = Scores(sequences, prefix);
        using var scattered = new LlamaSequences(_model, lanes: 3, cells: 216, batchTokens: 256);
        int[] lanes = [scattered.Take(), scattered.Take()];
        LLamaBatch batch = scattered.Begin();
        for (int i = 0; i < 240; i++)
            batch.Add(5 + i, i / 2, (LLamaSeqId)lanes[i % 2], false);
        scattered.Decode();
        scattered.Free(lanes[0]);

        float[] found = Scores(scattered, prefix);

        double largest = expected.Max(Math.Abs);
        Assert.IsLessThanOrEqualTo(1e-5 * largest, expected.Zip(found, (a, b) => Math.Abs((double)a - b)).Max());
    }

    [TestMethod]
    [DoNotParallelize]
    public void Prefixes_ThatNobodyHasAnyMore_TakeNoRoom()
    {
        Prefix kept = LlamaCase.Narrow.Random(3);
        _model.Prepare(kept);
        using LlamaSequences large = WithOthers(_model);
        Assert.AreEqual(8, large.ResidentCount);

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        CollectionAssert.AreEqual(new[] { 3 }, _model.PrefixLengths());
        Assert.IsTrue(large.IsFarTooLarge);
        Assert.IsTrue(large.Holds(kept));
        using var small = new LlamaSequences(_model, lanes: 1, cells: 64, batchTokens: 32);
        Assert.AreEqual(3, small.PrefixCells);
        Assert.IsFalse(small.IsFarTooLarge);
        GC.KeepAlive(kept);
    }

    // Apart, so that no place of the stack holds them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static LlamaSequences WithOthers(LlamaModel model)
    {
        Prefix[] others = [.. Enumerable.Range(31, 8).Select(length => LlamaCase.Narrow.Random(length))];
        Array.ForEach(others, model.Prepare);
        var sequences = new LlamaSequences(model, lanes: 1, cells: 64, batchTokens: 32);
        Assert.IsFalse(sequences.IsFarTooLarge);
        foreach (Prefix prefix in others)
        {
            int lane = sequences.Take();
            sequences.PutPrefix(prefix, lane);
            sequences.Free(lane);
        }
        return sequences;
    }

    /// <summary>Scores behind a prefix and some tokens, in a lane that stays full.</summary>
    private static float[] Scores(LlamaSequences sequences, Prefix prefix)
    {
        int lane = sequences.Take();
        sequences.PutPrefix(prefix, lane);
        LLamaBatch batch = sequences.Begin();
        int place = 0;
        for (int i = 0; i < 12; i++)
            place = batch.Add(7 + 5 * i, prefix.Length + i, (LLamaSeqId)lane, i == 11);
        sequences.Decode();
        return sequences.Scores(place).ToArray();
    }
}
