using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>Which recorded tokens are told as those of a text.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TokenTellerTests
{
    private const int End = 9;

    private static readonly byte[] Face = Encoding.UTF8.GetBytes("\U0001F600");

    // By id; the 8th is a special token, the 9th the end token, which this tokenizer has as text.
    private static readonly byte[][] Tokens =
        [[.. "a"u8], [.. "b"u8], [0xC3], Face[..2], Face[2..], [.. "xyz"u8], [.. "x"u8], [.. "END"u8], [], [.. "."u8]];

    [TestMethod]
    // Broken characters have three bytes in the text, and one here.
    [DataRow("0 2 1 7", "a\uFFFDb", "0 2 1")]
    [DataRow("0 2 2 2 7 1", "a\uFFFD\uFFFD\uFFFD", "0 2 2 2")]
    [DataRow("0 2", "a\uFFFD", "0 2")]
    [DataRow("2 9 0 0", "\uFFFD", "2")]
    // Split characters begin with their first token.
    [DataRow("0 3 4 1", "a\U0001F600b", "0 3 4 1")]
    [DataRow("0 3 4 7", "a\U0001F600", "0 3 4")]
    [DataRow("0 3 1 7", "a\uFFFDb", "0 3 1")]
    // What ends a text, and what is no text.
    [DataRow("0 1 9 0", "ab", "0 1")]
    [DataRow("0 8 1", "ab", "0 8 1")]
    [DataRow("0 8 7", "a", "0")]
    [DataRow("8 9", "", "")]
    // A stop string may begin within a token.
    [DataRow("0 5", "ax", "0 5")]
    public void Tell_OfAText_GivesTheTokensThatBeginInIt(string written, string text, string told)
    {
        IReadOnlyList<TokenLogProbability> found = Teller().Tell([.. Ids(written).Select(Recorded)], [End], text);

        CollectionAssert.AreEqual(Ids(told), found.Select(token => -(int)token.LogProbability).ToArray());
    }

    [TestMethod]
    [DataRow("0 3 4 1", "a\U0001F600b", "0 1 1 3")]
    [DataRow("0 2 1", "a\uFFFDb", "0 1 2")]
    [DataRow("0 8 1 5", "abxyz", "0 1 1 2")]
    public void Tell_OfAText_SaysWhereItsTokensBegin(string written, string text, string starts)
    {
        IReadOnlyList<TokenLogProbability> found = Teller().Tell([.. Ids(written).Select(Recorded)], [End], text);

        CollectionAssert.AreEqual(Ids(starts), found.Select(token => token.Start).ToArray());
    }

    [TestMethod]
    public void Take_OfAPiece_GivesTheTokensThatBeginInIt()
    {
        TokenTeller teller = Teller();
        teller.Add(Recorded(6));
        Assert.IsEmpty(teller.Take(0));
        // "x" is certain only when "xyz", which ends the text, is there.
        teller.Add(Recorded(5));

        Assert.AreEqual(-6, teller.Take(1).Single().LogProbability);
        Assert.IsEmpty(teller.Take(1));
    }

    [TestMethod]
    public void Add_OfTokensThatAreNoText_GivesTheirNames()
    {
        TokenTeller teller = Teller();
        teller.Add(Recorded(8));
        teller.Add(Recorded(0));

        CollectionAssert.AreEqual(new[] { "<8>", "a" }, teller.Take(1).Select(token => token.Text).ToArray());
    }

    private static TokenTeller Teller() => new((id, _) => Tokens[id], id => $"<{id}>");

    private static RecordedToken Recorded(int id) => new(id, -id, []);

    private static int[] Ids(string text) =>
        [.. text.Split(' ', System.StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
}
