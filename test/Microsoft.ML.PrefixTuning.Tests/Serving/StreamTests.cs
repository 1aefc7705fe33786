using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Serving;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>Texts in pieces.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StreamTests
{
    private static ServedBase s_base = null!;

    [ClassInitialize]
    public static void Make(TestContext _) => s_base = new ServedBase("tiny-llama");

    [ClassCleanup]
    public static void Free() => s_base.Dispose();

    [TestMethod]
    public void Pieces_OfSplitCharacters_AreWholeOnes()
    {
        byte[] face = Encoding.UTF8.GetBytes("\U0001F600"), umlaut = Encoding.UTF8.GetBytes("\u00fc");
        byte[][] tokens = [[.. "a"u8], face[..1], face[1..3], [face[3], (byte)'b'], umlaut[..1]];

        CollectionAssert.AreEqual(new[] { "a", "\U0001F600b", "\uFFFD" }, Pieces(tokens, []));
    }

    [TestMethod]
    [DataRow("", "a,b, end", "a,b, end")]
    [DataRow("END", "x,EN,D,y", "x")]
    [DataRow("END", "x,EN,E,y", "x,EN,E,y")]
    [DataRow("xy|xyz", "w,xy,z", "w")]
    [DataRow("aab", "a,a,a,b,c", "a")]
    [DataRow("\n\n", "one,\n,two,\n,\n,three", "one,\n,two")]
    [DataRow("END", "x,E,N", "x,E,N")]
    [DataRow("bXq|aY", "ab,X", "a,b,X")]
    public void Pieces_OfStopStrings_NeverShowThem(string stops, string tokens, string pieces)
    {
        byte[][] bytes = [.. tokens.Split(',').Select(Encoding.UTF8.GetBytes)];

        string[] found = Pieces(bytes, stops.Split('|', StringSplitOptions.RemoveEmptyEntries));

        CollectionAssert.AreEqual(pieces.Split(','), found, string.Join('|', found));
    }

    [TestMethod]
    public async Task StreamAsync_OfARequest_GivesItsTextInPieces()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(s_base.Prefixes);
        var request = new TextRequest { Text = "name : Venue 1", Prefix = "short" };
        TextResult whole = await generator.GenerateAsync(request);
        var pieces = new List<TextPiece>();

        await foreach (TextPiece piece in generator.StreamAsync(request))
            pieces.Add(piece);

        Assert.AreEqual(whole.Text, string.Concat(pieces.Select(piece => piece.Text)));
        Assert.AreEqual(whole.Text, pieces[^1].Result!.Text);
        Assert.AreEqual(whole.NewTokens, pieces[^1].Result!.NewTokens);
        Assert.IsTrue(pieces[..^1].TrueForAll(piece => piece.Result is null && piece.Text.Length > 0));
        Assert.HasCount(whole.NewTokens, pieces, "a piece a token, and the last one has the result");
    }

    [TestMethod]
    public async Task StreamAsync_ThatIsLeft_FreesItsPlace()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(options: new() { MaxRows = 1 });
        var endless = new TextRequest
        {
            Text = "name : Venue 1",
            Generation = new() { MinNewTokens = 250, MaxNewTokens = 250 },
        };
        for (int time = 0; time < 3; time++)
        {
            await foreach (TextPiece _ in generator.StreamAsync(endless))
                break;
        }
        Assert.AreEqual(2, (await generator.GenerateAsync(endless with { Generation = new() { MaxNewTokens = 2 } }))
            .NewTokens);
    }

    [TestMethod]
    public void StreamAsync_OfBeamsOrSeveralSequences_IsRefused()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator();
        Refuses("StreamAsync: expected greedy decoding or sampling, found beams", new() { Decoding = Decoding.Beam() });
        Refuses("StreamAsync: expected one sequence, found SequenceCount = 2",
            new() { Decoding = Decoding.Sampling(), SequenceCount = 2 });

        void Refuses(string message, GenerationOptions options)
        {
            var error = Assert.ThrowsExactly<NotSupportedException>(() =>
                generator.StreamAsync(new TextRequest { Text = "x", Generation = options }));
            StringAssert.StartsWith(error.Message, message);
        }
    }

    private static string[] Pieces(byte[][] tokens, string[] stops)
    {
        var decoder = new TokenDecoder(tokens, wordBegins: null);
        var maker = new PieceMaker(decoder.Begin(), new Stops(stops, ids => decoder.Decode(ids)));
        return [.. Enumerable.Range(0, tokens.Length).SelectMany(maker.Next), .. maker.End()];
    }
}
