using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>Many requests at once, of every kind: each has the text that the transformer writes for the same row.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ManyClientsTests
{
    private const int Clients = 64;

    private static readonly string?[] Names = [null, "short", "long", "other", "memory"];

    private static readonly GenerationOptions[] Ways =
    [
        new() { MaxNewTokens = 10 },
        new() { MaxNewTokens = 3 },
        new() { MaxNewTokens = 14, NoRepeatNGramSize = 2, RepetitionPenalty = 1.2, MinNewTokens = 4 },
        new() { MaxNewTokens = 12, Decoding = Decoding.Sampling(0.9, topK: 20, topP: 0.9, seed: 7) },
        new() { MaxNewTokens = 8, Decoding = Decoding.Beam(3), SequenceCount = 2 },
        new() { MaxNewTokens = 24, StopStrings = ["e", " n"] },
    ];

    [TestMethod]
    [DataRow("tiny-llama")]
    [DataRow("gpt2")]
    [DataRow("gemma3")]
    [DataRow("tiny-t5")]
    public async Task Requests_OfManyClients_HaveTheTextsOfTheTransformer(string family)
    {
        using var served = new ServedBase(family);
        Client[] clients = [.. Enumerable.Range(0, Clients).Select(number => new Client(number))];
        IReadOnlyDictionary<Client, string[]> expected = Expected(served, clients);
        using TextGenerator generator = served.Model.CreateGenerator(served.Prefixes,
            options: new TextGeneratorOptions { MaxRows = 7, CacheTokens = 1500, PromptPiece = 6 });

        await Task.WhenAll(clients.Select(client => Task.Run(async () =>
        {
            string[]? texts = client.IsCancelled ? await client.Cancel(generator)
                : client.IsStreamed ? await client.Stream(generator) : await client.Generate(generator);
            if (texts is not null)
                CollectionAssert.AreEqual(expected[client], texts, $"client {client.Number}");
        })));
    }

    private static Dictionary<Client, string[]> Expected(ServedBase served, Client[] clients)
    {
        var expected = new Dictionary<Client, string[]>();
        foreach (IGrouping<(string? Name, GenerationOptions Way), Client> group in
            clients.GroupBy(client => (client.Name, client.Way)))
        {
            Client[] own = [.. group];
            string[][] texts = served.Transform(group.Key.Name, group.Key.Way, own.Select(client => client.Text));
            for (int i = 0; i < own.Length; i++)
                expected.Add(own[i], texts[i]);
        }
        return expected;
    }

    private sealed record Client(int Number)
    {
        public string? Name => Names[Number % Names.Length];

        public GenerationOptions Way => Ways[Number / 2 % Ways.Length];

        public bool IsCancelled => Number % 7 == 3;

        public bool IsStreamed => Number % 3 == 0 && Way.SequenceCount == 1;

        // Every ninth is long, and read in pieces.
        public string Text => string.Join(" | ", Enumerable.Range(Number, Number % 9 == 4 ? 12 : 1 + Number % 2)
            .Select(i => $"name : Venue {i}"));

        private TextRequest Request => new() { Text = Text, Prefix = Name, Generation = Way };

        public async Task<string[]> Generate(TextGenerator generator)
        {
            TextResult result = await generator.GenerateAsync(Request);
            return [.. result.Completions.Select(completion => completion.Text)];
        }

        public async Task<string[]> Stream(TextGenerator generator)
        {
            string text = "";
            await foreach (TextPiece piece in generator.StreamAsync(Request))
                text += piece.Text;
            return [text];
        }

        /// <summary>Goes away after the first piece, or at once where there are none.</summary>
        public async Task<string[]?> Cancel(TextGenerator generator)
        {
            using var source = new CancellationTokenSource();
            if (IsStreamed)
            {
                await foreach (TextPiece _ in generator.StreamAsync(Request))
                    break;
                return null;
            }
            Task<TextResult> waiting = generator.GenerateAsync(Request, source.Token);
            await source.CancelAsync();
            try
            {
                return [.. (await waiting).Completions.Select(completion => completion.Text)];
            }
            catch (OperationCanceledException)
            {
                return null;
            }
        }
    }
}
