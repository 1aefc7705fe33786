using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>How probable the tokens of a text were: what is told of them, and in which pieces.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LogProbabilityTests
{
    private static readonly Dictionary<string, ServedBase> Bases = [];

    [ClassInitialize]
    public static void Make(TestContext _)
    {
        foreach (string family in (string[])["tiny-llama", "tiny-t5"])
            Bases.Add(family, new ServedBase(family));
    }

    [ClassCleanup]
    public static void Free()
    {
        foreach (ServedBase served in Bases.Values)
            served.Dispose();
    }

    [TestMethod]
    [DataRow("tiny-llama")]
    [DataRow("tiny-t5")]
    public async Task LogProbabilities_OfAGreedyText_AreThoseOfItsTokensAndOfTheBest(string family)
    {
        using TextGenerator generator = Bases[family].Model.CreateGenerator(Bases[family].Prefixes);
        TextRequest request = Request(new() { MaxNewTokens = 12 });
        TextResult plain = await generator.GenerateAsync(request with { LogProbabilities = null });

        // Beside others, one of which draws.
        TextResult[] results = await Task.WhenAll(generator.GenerateAsync(request),
            generator.GenerateAsync(Request(new() { Decoding = Decoding.Sampling(seed: 3) }) with { Prefix = "long" }),
            generator.GenerateAsync(request with { LogProbabilities = null, Prefix = "long" }));

        Assert.AreEqual(plain.Text, results[0].Text);
        Assert.IsNull(results[2].Completions[0].LogProbabilities);
        Assert.IsNull(plain.Completions[0].LogProbabilities);
        IReadOnlyList<TokenLogProbability> tokens = results[0].Completions[0].LogProbabilities!;
        Assert.AreEqual(plain.Text, Encoding.UTF8.GetString([.. tokens.SelectMany(token => token.Bytes)]));
        foreach (TokenLogProbability token in tokens)
        {
            Assert.HasCount(4, token.Top);
            Assert.AreEqual((token.Text, token.LogProbability), (token.Top[0].Text, token.Top[0].LogProbability));
            Assert.IsLessThanOrEqualTo(1.0001, token.Top.Sum(one => Math.Exp(one.LogProbability)));
            CollectionAssert.AreEqual(token.Top.OrderByDescending(one => one.LogProbability).ToArray(),
                token.Top.ToArray());
        }
    }

    [TestMethod]
    public async Task LogProbabilities_OfDraws_AreThoseOfTheModelWhateverTheTemperature()
    {
        using TextGenerator generator = Bases["tiny-llama"].Model.CreateGenerator();
        TextRequest request =
            Request(new() { MaxNewTokens = 6, Decoding = Decoding.Sampling(3, seed: 2), SequenceCount = 3 });
        TextResult hot = await generator.GenerateAsync(request with { Prefix = null, LogProbabilities = 20 });
        TextResult cold = await generator.GenerateAsync(request with
        {
            Prefix = null,
            LogProbabilities = 20,
            Generation = new() { MaxNewTokens = 6, RepetitionPenalty = 1.5, BannedWords = ["is"] },
        });

        // At the first token all have the same text in front of them.
        foreach (TextCompletion draw in hot.Completions)
        {
            CollectionAssert.AreEqual(Shown(cold.Completions[0]), Shown(draw));
            TokenLogProbability first = draw.LogProbabilities![0];
            if (first.Top.FirstOrDefault(one => one.Text == first.Text) is { } same)
                Assert.AreEqual(same.LogProbability, first.LogProbability);
        }
        Assert.IsGreaterThan(1, hot.Completions.Select(draw => draw.Text).Distinct().Count());

        static string[] Shown(TextCompletion completion) => [.. completion.LogProbabilities![0].Top
            .Select(one => $"{one.Text} {one.LogProbability:F3}")];
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(2)]
    public async Task LogProbabilities_OfAStream_ComeWithItsPieces(int stop)
    {
        using TextGenerator generator = Bases["tiny-llama"].Model.CreateGenerator(Bases["tiny-llama"].Prefixes);
        TextRequest request = Request(new() { MaxNewTokens = 200 });
        string text = (await generator.GenerateAsync(request)).Text;
        if (stop > 0)
            request = Request(new() { MaxNewTokens = 200, StopStrings = [text[stop..(stop + 5)], "nothing like it"] });
        TextResult whole = await generator.GenerateAsync(request);
        var pieces = new List<TextPiece>();

        await foreach (TextPiece piece in generator.StreamAsync(request))
            pieces.Add(piece);

        CollectionAssert.AreEqual(Shown(whole.Completions[0].LogProbabilities!),
            Shown([.. pieces.SelectMany(piece => piece.LogProbabilities!)]));
        if (stop > 0)
            Assert.AreEqual(text[..stop], whole.Text);

        static string[] Shown(IReadOnlyList<TokenLogProbability> tokens) =>
            [.. tokens.Select(token => $"{token.Text} {token.LogProbability:F4} {token.Top.Count}")];
    }

    [TestMethod]
    public async Task LogProbabilities_OfBrokenCharacters_AreThoseOfTheTextInAStreamToo()
    {
        using TextGenerator generator = Bases["tiny-llama"].Model.CreateGenerator(Bases["tiny-llama"].Prefixes);
        // So hot that bytes come as they like, some of which are no characters.
        TextRequest request = Request(new()
        {
            MaxNewTokens = 200,
            Decoding = Decoding.Sampling(50, seed: 5),
            StopStrings = ["e", "n"],
        });
        TextResult whole = await generator.GenerateAsync(request);
        var told = new List<TokenLogProbability>();

        await foreach (TextPiece piece in generator.StreamAsync(request))
            told.AddRange(piece.LogProbabilities!);

        byte[] bytes = [.. told.SelectMany(token => token.Bytes)];
        Assert.StartsWith(whole.Text, Encoding.UTF8.GetString(bytes));
        CollectionAssert.AreEqual(
            whole.Completions[0].LogProbabilities!.Select(token => token.LogProbability).ToArray(),
            told.Select(token => token.LogProbability).ToArray());
    }

    [TestMethod]
    public async Task LogProbabilities_ThatCannotBeTold_AreRefusedByName()
    {
        using TextGenerator generator = Bases["tiny-llama"].Model.CreateGenerator(Bases["tiny-llama"].Prefixes);

        await Refuses("Request, LogProbabilities: expected 0 to 20, or null, found 21.",
            Request(new()) with { LogProbabilities = 21 });
        await Refuses("Request, LogProbabilities: expected null with beams",
            Request(new() { Decoding = Decoding.Beam(2) }));

        async Task Refuses(string message, TextRequest bad)
        {
            var error = await Assert.ThrowsExactlyAsync<ArgumentException>(() => generator.GenerateAsync(bad));
            StringAssert.StartsWith(error.Message, message);
        }
    }

    private static TextRequest Request(GenerationOptions generation) => new()
    {
        Text = "name : Venue 1",
        Prefix = "short",
        Generation = generation,
        LogProbabilities = 4,
    };
}
