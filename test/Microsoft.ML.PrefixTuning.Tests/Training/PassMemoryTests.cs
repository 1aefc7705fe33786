using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>A pass's estimated memory against what was measured (docs/performance.md).</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PassMemoryTests
{
    private const int PrefixLength = 20;

    // MemoryPlan warns of what may not fit with as much added.
    private const double Margin = 0.25;

    // Rows and tokens of the largest pass, and gigabytes beside the base: peaks less 0.73 (float32) or 0.465
    // (bfloat16).
    private static readonly (int Rows, int Tokens, double Measured)[] s_kept =
        [(8, 64, 0.68), (8, 64, 0.75), (8, 256, 2.26), (8, 256, 3.04), (2, 1102, 2.57)];
    private static readonly (int Rows, int Tokens, double Measured)[] s_twice =
        [(8, 64, 0.16), (8, 256, 0.61), (3, 1102, 0.87), (2, 2004, 1.22), (1, 8000, 2.32)];
    private static readonly (int Rows, int Tokens, double Measured)[] s_twiceReturned =
        [(8, 64, 0.16), (8, 256, 0.29), (3, 1102, 0.48), (2, 2004, 0.61), (1, 8000, 1.04)];
    private static readonly (int Rows, int Tokens, double Measured)[] s_keptOfBFloat16 =
        [(8, 64, 0.355), (8, 256, 1.515)];
    private static readonly (int Rows, int Tokens, double Measured)[] s_twiceOfBFloat16 =
        [(8, 64, 0.105), (3, 1102, 0.405)];

    [TestMethod]
    public void Need_OfSmolLM2_IsWithinAQuarterOfWhatWasMeasured()
    {
        string[] faults =
        [
            .. Faults("kept", s_kept, ScalarType.Float32, recomputes: false),
            .. Faults("twice", s_twice, ScalarType.Float32, recomputes: true),
            .. Faults("twice, returned", s_twiceReturned, ScalarType.Float32, recomputes: true, areReturned: true),
            .. Faults("kept, bfloat16", s_keptOfBFloat16, ScalarType.BFloat16, recomputes: false),
            .. Faults("twice, bfloat16", s_twiceOfBFloat16, ScalarType.BFloat16, recomputes: true, areReturned: true),
        ];
        Assert.AreEqual("", string.Join('\n', faults));
    }

    /// <summary>Where hidden states are small blocks, the heap has them as it comes.</summary>
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Need_WhereLargeBlocksAreReturned_IsLessByTheHolesBetweenThem(bool recomputes)
    {
        Assert.AreEqual(Need(8, 64, recomputes, areReturned: false), Need(8, 64, recomputes, areReturned: true));
        Assert.IsLessThan(0.75 * Need(8, 256, recomputes, areReturned: false),
            Need(8, 256, recomputes, areReturned: true));
    }

    /// <summary>Scores of a chunk and what a layer makes are not there at the same time.</summary>
    [TestMethod]
    public void Need_OfALossThatTakesLessThanALayer_IsThatOfTheLayer()
    {
        var memory = new PassMemory(Spec(), ScalarType.Float32, PrefixLength);
        TrainingExample[] few = [.. Rows(8, 256, target: 2)], many = [.. Rows(8, 256, target: 51)];
        Assert.AreEqual(memory.Of(few, recomputes: true), memory.Of(many, recomputes: true));
    }

    private static IEnumerable<string> Faults(string what, (int Rows, int Tokens, double Measured)[] cells,
        ScalarType type, bool recomputes, bool areReturned = false) =>
        from cell in cells
        let need = Need(cell.Rows, cell.Tokens, recomputes, areReturned, type) / 1e9
        where need < (1 - Margin) * cell.Measured || need > (1 + Margin) * cell.Measured
        select FormattableString.Invariant($"{what}, {cell.Rows} x {cell.Tokens}: {need:F3} for {cell.Measured} GB");

    private static double Need(int rows, int tokens, bool recomputes, bool areReturned,
        ScalarType type = ScalarType.Float32) =>
        new PassMemory(Spec(), type, PrefixLength, areBlocksReturned: areReturned)
            .Of([.. Rows(rows, tokens, tokens / 5)], recomputes);

    private static IEnumerable<TrainingExample> Rows(int rows, int tokens, int target) =>
        Enumerable.Range(0, rows).Select(_ => new TrainingExample(new int[tokens - target], new int[target]));

    // SmolLM2-135M.
    private static TransformerSpec Spec()
    {
        var heads = new HeadShape(9, 3, 64);
        return new TransformerSpec
        {
            Family = "llama",
            VocabularySize = 49_152,
            Width = 576,
            EmbeddingWidth = 576,
            ContextLength = 8192,
            Head = new OutputHead(Tied: true),
            Tokens = new TokenIds { Ends = [2] },
            Decoder = new StackSpec
            {
                Layers = 30,
                Heads = heads,
                Norm = new NormSpec(NormKind.RootMeanSquare, 1e-5),
                Residual = Residual.NormFirst,
                FeedForward = new FeedForwardSpec(Activation.Silu, 1536, Gated: true),
                Positions = new RotaryPositions(new RotarySpec(100_000, heads.Size, new NoScaling())),
            },
        };
    }
}
