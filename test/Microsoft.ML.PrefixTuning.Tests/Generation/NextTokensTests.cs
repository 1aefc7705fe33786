using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Rows' next tokens from tables of logits.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class NextTokensTests
{
    private const int Tokens = 40;

    [TestMethod]
    [DataRow("largest", ScalarType.Float32, float.NaN)]
    [DataRow("largest", ScalarType.Float32, float.PositiveInfinity)]
    [DataRow("largest", ScalarType.Float32, float.NegativeInfinity)]
    [DataRow("largest", ScalarType.BFloat16, float.NaN)]
    [DataRow("largest", ScalarType.BFloat16, float.PositiveInfinity)]
    [DataRow("largest", ScalarType.BFloat16, float.NegativeInfinity)]
    [DataRow("suppressing", ScalarType.Float32, float.NaN)]
    [DataRow("penalty", ScalarType.Float32, float.NaN)]
    [DataRow("penalty", ScalarType.Float32, float.PositiveInfinity)]
    [DataRow("penalty", ScalarType.Float32, float.NegativeInfinity)]
    [DataRow("sampling", ScalarType.Float32, float.NaN)]
    [DataRow("sampling", ScalarType.Float32, float.PositiveInfinity)]
    [DataRow("sampling", ScalarType.Float32, float.NegativeInfinity)]
    [DataRow("beams", ScalarType.Float32, float.NaN)]
    [DataRow("beams", ScalarType.Float32, float.PositiveInfinity)]
    [DataRow("beams", ScalarType.Float32, float.NegativeInfinity)]
    public void Choose_OverScoresThatAreNoNumbers_FailsThatRowAlone(string kind, ScalarType type, float bad)
    {
        ActiveRow[] healthy = Choose(kind, type, null), rows = Choose(kind, type, bad);
        Assert.IsTrue(healthy.All(row => row.Fault is null));
        Assert.IsInstanceOfType<InvalidOperationException>(rows[1].Fault);
        Assert.AreEqual("Scores of the next token behind 0 tokens of the prefix and 0 others: expected finite numbers,"
            + " found others: the prefix of this row, or the base, has values too large for its products.",
            rows[1].Fault!.Message);
        foreach (int good in (int[])[0, 2])
        {
            Assert.IsNull(rows[good].Fault);
            CollectionAssert.AreEqual(healthy[good].Search.Tokens, rows[good].Search.Tokens);
        }
    }

    /// <summary>So many scores that several threads take the rows, each of which one thread takes by itself.</summary>
    [TestMethod]
    [DataRow("penalty")]
    [DataRow("sampling")]
    [DataRow("beams")]
    public void Choose_OfManyRows_GivesEachWhatItHasAlone(string kind)
    {
        const int Count = 9, Bad = 4, Vocabulary = 20_000;
        var random = new Random(3);
        float[] values = [.. Enumerable.Range(0, Count * Vocabulary).Select(_ => (float)random.NextDouble() * 9)];
        values[Bad * Vocabulary + 7] = float.NaN;
        ActiveRow[] together = Rows(kind, Count), alone = Rows(kind, Count);
        using var scope = NewDisposeScope();
        using var choice = new NextTokens(CPU);

        choice.Choose(tensor(values, [Count, Vocabulary]), together, isFirst: true);

        for (int row = 0; row < Count; row++)
        {
            float[] own = values[(row * Vocabulary)..((row + 1) * Vocabulary)];
            choice.Choose(tensor(own, [1, Vocabulary]), [alone[row]], isFirst: true);
            Assert.AreEqual(row == Bad, together[row].Fault is not null, $"row {row}");
            CollectionAssert.AreEqual(alone[row].Search.Tokens, together[row].Search.Tokens, $"row {row}");
        }
    }

    /// <summary>Lets three rows go on; the second has a bad score, or nothing else where it is the least.</summary>
    private static ActiveRow[] Choose(string kind, ScalarType type, float? bad)
    {
        ActiveRow[] rows = Rows(kind, 3);
        float[] values = [.. Enumerable.Range(0, rows.Length * Tokens).Select(i => i * 37 % 101 / 8f - 5)];
        if (bad is float.NegativeInfinity)
            values.AsSpan(Tokens, Tokens).Fill(float.NegativeInfinity);
        else if (bad is { } value)
            values[Tokens + 21] = value;
        using var scope = NewDisposeScope();
        using var choice = new NextTokens(CPU);
        choice.Choose(tensor(values, [rows.Length, Tokens]).to(type), rows, isFirst: true);
        return rows;
    }

    private static ActiveRow[] Rows(string kind, int count)
    {
        var rules = new GenerationRules { MaxNewTokens = 4 };
        rules = kind switch
        {
            "suppressing" => rules with { SuppressedIds = [7, 30] },
            "penalty" => rules with { RepetitionPenalty = 1.5 },
            "sampling" => rules with { Decoding = Decoding.Sampling(seed: 5) },
            "beams" => rules with { Decoding = Decoding.Beam(3) },
            _ => rules,
        };
        TransformerSpec spec = FamilyConfigTests.Spec(FamilyConfigTests.Config("llama", "{}"));
        return [.. Enumerable.Range(0, count).Select(row => new ActiveRow(row,
            new GenerationPrompt([3 + row], null), rules, new TokenConstraints(rules), spec))];
    }
}
