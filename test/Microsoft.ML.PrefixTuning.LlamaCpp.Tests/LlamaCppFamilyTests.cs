using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>
/// Texts of every family that is allowed: requests of mixed prefixes and options, all at once, have the texts that this
/// library writes with the full base in float32.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaCppFamilyTests
{
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
    [DataRow("gpt2")]
    [DataRow("gpt-neox")]
    [DataRow("gpt-neox-sequential")]
    [DataRow("llama")]
    [DataRow("llama3-rope")]
    [DataRow("mistral")]
    [DataRow("qwen2")]
    [DataRow("qwen3")]
    public Task Texts_OfAGoldenTwin_AreThisLibrarysOwn(string family) => Compare(LlamaCase.Golden(family));

    [TestMethod]
    public Task Texts_OfTheFileOfTheseTests_AreThisLibrarysOwn() => Compare(LlamaCase.Narrow);

    private static async Task Compare(LlamaCase one)
    {
        Dictionary<string, Prefix> prefixes = one.Prefixes();
        TextRequest[] requests = [.. from text in one.Texts()
            from name in prefixes.Keys.Prepend(null)
            from way in Ways
            select new TextRequest { Text = text, Prefix = name, Generation = way }];
        using TextGenerator own = one.Full.CreateGenerator(prefixes),
            other = one.Open(prefixes,
                options: new TextGeneratorOptions { MaxRows = 7, CacheTokens = 2000, PromptPiece = 24 });

        TextResult[] expected = await Task.WhenAll(requests.Select(request => own.GenerateAsync(request)));
        TextResult[] found = await Task.WhenAll(requests.Select(request => other.GenerateAsync(request)));

        for (int i = 0; i < requests.Length; i++)
            Assert.AreEqual(Shown(expected[i]), Shown(found[i]), $"{requests[i].Prefix}: {requests[i].Generation}");
        Assert.IsGreaterThan(1, expected.Select(Shown).Distinct().Count());
    }

    private static string Shown(TextResult result) => string.Join('\n', result.Completions.Select(completion =>
        $"{completion.Text} [{completion.FinishReason}, {completion.Tokens} behind {result.PromptTokens}]"));
}
