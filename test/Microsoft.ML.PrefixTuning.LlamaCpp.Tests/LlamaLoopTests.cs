using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>What rows that are written wait for.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaLoopTests
{
    private static readonly GenerationRules Greedy = new() { MaxNewTokens = 25, MinNewTokens = 25, EndIds = [2] };

    [TestMethod]
    public void Advance_WithLongPrompts_WritesATokenWithEveryPiece()
    {
        const int Piece = 16, Long = 90;
        using var inference = inference_mode();
        LlamaModel model = LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1);
        using var loop = new LlamaLoop(model);
        loop.Open(new DecodingLimits(4) { Tokens = 400, PassTokens = Piece, PieceTokens = Piece, IsOpen = true }, []);
        ActiveRow early = Row(model, 5);
        ActiveRow[] late = [Row(model, Long), Row(model, Long), Row(model, 8)];
        loop.Advance(new Queue<ActiveRow>([early]));
        var waiting = new Queue<ActiveRow>(late);
        int passes = 0;

        while (late.Any(row => row.Present < row.Opening.Length))
        {
            int read = late.Sum(Read), written = early.Search.Single!.NewCount;
            loop.Advance(waiting);
            passes++;
            Assert.IsLessThanOrEqualTo(Piece, late.Sum(Read) - read);
            Assert.AreEqual(written + 1, early.Search.Single!.NewCount);
        }

        Assert.AreEqual((2 * Long + 8 + Piece - 1) / Piece, passes);
        model.Release();

        static int Read(ActiveRow row) => int.Min(row.Present, row.Opening.Length);
    }

    [TestMethod]
    public void Advance_WithALongPromptAndShortOnes_ReadsAPieceOfItBesideThem()
    {
        using var inference = inference_mode();
        LlamaModel model = LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1);
        using var loop = new LlamaLoop(model);
        loop.Open(new DecodingLimits(4) { Tokens = 400, PassTokens = 32, PieceTokens = 8, IsOpen = true }, []);
        ActiveRow[] rows = [Row(model, 90), Row(model, 8), Row(model, 12), Row(model, 20)];
        loop.Advance(new Queue<ActiveRow>(rows));
        CollectionAssert.AreEqual(new[] { 8, 8, 12, 4 }, Array.ConvertAll(rows, row => row.Present));
        loop.Advance([]);
        CollectionAssert.AreEqual(new[] { 16, 9, 13, 20 }, Array.ConvertAll(rows, row => row.Present));
        model.Release();
    }

    [TestMethod]
    public void Advance_BesideAndAfterAPrefixOfTheLargestValues_WritesWhatRowsWriteAlone()
    {
        using var inference = inference_mode();
        LlamaModel model = LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1);
        Prefix wild = LlamaCase.Narrow.Random(24, scale: 9e19f);
        model.Prepare(wild);
        using PrefixTensors tensors = PrefixTensors.Make(wild, model.Spec, ScalarType.Float32, CPU);
        using var loop = new LlamaLoop(model);
        int[][] alone = [.. Usual(model).SelectMany(row => Write(loop, row))];

        int[][] mixed = Write(loop, [Row(model, 20, tensors), .. Usual(model), Row(model, 4, tensors)]);

        AssertEqual(alone, mixed[1..^1]);
        AssertEqual(alone, Write(loop, Usual(model)));
        model.Release();
    }

    [TestMethod]
    public void Advance_WithWhatIsNoNumber_FailsItsRowsAndIsCleanAfterwards()
    {
        using var inference = inference_mode();
        LlamaModel model = LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1);
        Prefix broken = LlamaCase.Narrow.Random(24);
        using PrefixTensors tensors = PrefixTensors.Make(broken, model.Spec, ScalarType.Float32, CPU);
        // Past all checks.
        broken.Part(AttentionSite.Decoder)!.Values.AsSpan().Fill(float.NaN);
        model.Keep(broken);
        using var loop = new LlamaLoop(model);
        int[][] alone = [.. Usual(model).SelectMany(row => Write(loop, row))];
        ActiveRow[] beside = Usual(model);
        ActiveRow wild = Row(model, 20, tensors);

        int[][] mixed = Write(loop, [wild, .. beside]);

        Assert.IsInstanceOfType<InvalidOperationException>(wild.Fault);
        Assert.Contains("expected finite numbers", wild.Fault!.Message);
        // Those that were read with it fail as well; none has another text.
        for (int row = 0; row < beside.Length; row++)
        {
            if (beside[row].Fault is null)
                CollectionAssert.AreEqual(alone[row], mixed[row + 1]);
        }
        AssertEqual(alone, Write(loop, Usual(model)));
        model.Release();
    }

    private static void AssertEqual(int[][] expected, int[][] found)
    {
        Assert.HasCount(expected.Length, found);
        for (int row = 0; row < expected.Length; row++)
            CollectionAssert.AreEqual(expected[row], found[row], $"row {row}");
    }

    private static ActiveRow[] Usual(LlamaModel model) => [Row(model, 6), Row(model, 11), Row(model, 3)];

    /// <summary>Writes rows together: the ids of each, none of one that failed.</summary>
    private static int[][] Write(LlamaLoop loop, params ActiveRow[] rows)
    {
        loop.Open(new DecodingLimits(8) { Tokens = 800, IsOpen = true }, []);
        var waiting = new Queue<ActiveRow>(rows);
        while (waiting.Count > 0 || loop.Count > 0)
        {
            loop.Advance(waiting);
            loop.TakeOut(row => row.IsOver);
        }
        return [.. rows.Select(row => row.Fault is null ? row.Search.Results()[0].Ids : [])];
    }

    private static ActiveRow Row(LlamaModel model, int length, PrefixTensors? prefix = null)
    {
        int[] source = [.. Enumerable.Range(0, length).Select(i => 3 + (i * 7 + length) % 390)];
        return new ActiveRow(0, new GenerationPrompt(source, prefix), Greedy, new TokenConstraints(Greedy), model.Spec);
    }
}
