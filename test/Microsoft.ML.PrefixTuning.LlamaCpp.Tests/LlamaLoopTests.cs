using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.LlamaCpp;
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
        loop.Open(new DecodingLimits(4) { Tokens = 400, PieceTokens = Piece, IsOpen = true }, []);
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

    private static ActiveRow Row(LlamaModel model, int length)
    {
        int[] source = [.. Enumerable.Range(0, length).Select(i => 3 + (i * 7 + length) % 390)];
        return new ActiveRow(0, new GenerationPrompt(source, null), Greedy, new TokenConstraints(Greedy), model.Spec);
    }
}
