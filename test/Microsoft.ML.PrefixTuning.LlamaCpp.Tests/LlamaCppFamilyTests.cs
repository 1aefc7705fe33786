using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>
/// Texts of every family that is allowed: requests of mixed prefixes and options, all at once, have the texts that this
/// library writes of the same file in float32.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaCppFamilyTests
{
    // llama.cpp looks GELU up in a table of 16 bits: scores differ by up to 0.01.
    private const double Tie = 0.03;

    private static readonly GenerationOptions[] Ways =
    [
        new() { MaxNewTokens = 24 },
        new() { MaxNewTokens = 14, NoRepeatNGramSize = 2, RepetitionPenalty = 1.2, MinNewTokens = 4 },
        new() { MaxNewTokens = 12, Decoding = Decoding.Sampling(0.9, topK: 20, topP: 0.9, seed: 7) },
        new() { MaxNewTokens = 9, Decoding = Decoding.Sampling(1.1, seed: 3), SequenceCount = 3 },
        new() { MaxNewTokens = 12, Decoding = Decoding.Beam(3), SequenceCount = 2 },
        new() { MaxNewTokens = 24, StopStrings = ["e", " n"] },
    ];

    [TestMethod]
    [DataRow("llama")]
    [DataRow("llama3-rope")]
    [DataRow("mistral")]
    [DataRow("qwen2")]
    [DataRow("qwen3")]
    public Task Texts_OfAGoldenTwin_AreThisLibrarysOwn(string family) => Compare(LlamaCase.Golden(family));

    [TestMethod]
    public Task Texts_OfTheFileOfTheseTests_AreThisLibrarysOwn() => Compare(LlamaCase.Narrow);

    [TestMethod]
    [DataRow("gpt2")]
    [DataRow("gpt-neox")]
    [DataRow("gpt-neox-sequential")]
    public async Task Texts_OfATwinWithGelu_AreThisLibrarysOwn_WhereNoTwoTokensTie(string family)
    {
        TextRequest[] requests = [.. Requests(LlamaCase.Golden(family), [Ways[0], Ways[^1]])];
        (TextResult[] expected, TextResult[] found) = await Write(LlamaCase.Golden(family), requests);
        int[] clear = [.. Enumerable.Range(0, requests.Length).Where(i => SmallestGap(expected[i]) > Tie)];

        foreach (int i in clear)
            Assert.AreEqual(Shown(expected[i]), Shown(found[i]), $"{requests[i].Prefix}: {requests[i].Text}");
        Assert.IsGreaterThan(requests.Length / 2, clear.Length);
    }

    private static async Task Compare(LlamaCase one)
    {
        TextRequest[] requests = [.. Requests(one, Ways)];
        (TextResult[] expected, TextResult[] found) = await Write(one, requests);

        for (int i = 0; i < requests.Length; i++)
            Assert.AreEqual(Shown(expected[i]), Shown(found[i]), $"{requests[i].Prefix}: {requests[i].Generation}");
        Assert.IsGreaterThan(1, expected.Select(Shown).Distinct().Count());
    }

    private static IEnumerable<TextRequest> Requests(LlamaCase one, GenerationOptions[] ways) =>
        from text in one.Texts()
        from name in one.Prefixes().Keys.Prepend(null)
        from way in ways
        select new TextRequest
        {
            Text = text,
            Prefix = name,
            Generation = way,
            LogProbabilities = way.Decoding is BeamDecoding ? null : 2,
        };

    private static async Task<(TextResult[] Expected, TextResult[] Found)> Write(LlamaCase one, TextRequest[] requests)
    {
        Dictionary<string, Prefix> prefixes = one.Prefixes();
        using TextGenerator own = one.Model.CreateGenerator(prefixes), other = one.Open(prefixes,
            new TextGeneratorOptions { MaxRows = 7, CacheTokens = 2000, PromptPiece = 6 });
        return (await Task.WhenAll(requests.Select(request => own.GenerateAsync(request))),
            await Task.WhenAll(requests.Select(request => other.GenerateAsync(request))));
    }

    /// <summary>The smallest distance of the two most probable tokens.</summary>
    private static double SmallestGap(TextResult result) => result.Completions[0].LogProbabilities!
        .Select(token => token.Top[0].LogProbability - token.Top[1].LogProbability).DefaultIfEmpty(1).Min();

    private static string Shown(TextResult result) => string.Join('\n', result.Completions.Select(completion =>
        $"{completion.Text} [{completion.FinishReason}, {completion.Tokens} behind {result.PromptTokens}]"));
}
