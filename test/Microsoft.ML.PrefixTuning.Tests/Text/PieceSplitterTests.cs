using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

[TestClass]
[TestCategory("Quick")]
public sealed class PieceSplitterTests
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        + @"|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string O200k =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        + @"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // Inside the basic plane .NET's expressions agree with the reference's.
    private const string Characters =
        "abstrevmldSTREVMLD''''   \t\r\n\r\n01234½Ⅷ²éß中あʰǅÉ//\u0301\u0903\u00A0\u2003\u0085\u2028!?.,-_<|>\u200B\uFFFD";

    public static IEnumerable<object[]> Patterns =>
    [
        ["gpt2", Gpt2], ["llama3", Llama3], ["qwen2", Llama3.Replace("{1,3}", "", StringComparison.Ordinal)],
        ["o200k", O200k], ["numbers", @"\p{N}|\P{N}+"], ["number runs", @"\p{N}+|\P{N}+"], ["words", "a?[^a]+|a"],
            ["marks", "[^a]*a|[^a]+"],
    ];

    [TestMethod]
    [DynamicData(nameof(Patterns))]
    public void PieceEnd_RandomTexts_AsTheExpression(string name, string pattern)
    {
        PieceSplitter splitter = Splitter(name);
        var expression = new Regex(pattern, RegexOptions.CultureInvariant);
        var random = new Random(11);

        for (int i = 0; i < 3_000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 24))
                .Select(_ => Characters[random.Next(Characters.Length)]));
            string[] expected = expression.Matches(text).Select(match => match.Value).ToArray();
            CollectionAssert.AreEqual(expected, Pieces(splitter, text), text);
        }
    }

    [TestMethod]
    [DataRow("gpt2", "𝓐𝓑 𠮷野家 x𝟛", "𝓐𝓑", " 𠮷野家", " x", "𝟛")]
    [DataRow("llama3", "😀𝓐𝓑 𝟘𝟙𝟚𝟛", "😀𝓐𝓑", " ", "𝟘𝟙𝟚", "𝟛")]
    [DataRow("qwen2", "𝟘𝟙", "𝟘", "𝟙")]
    [DataRow("numbers", "𝟘𝟙a", "𝟘", "𝟙", "a")]
    [DataRow("llama3", "'ſa", "'ſ", "a")]
    [DataRow("gpt2", "'ſa", "'", "ſa")]
    [DataRow("o200k", "helloWorld HTMLParser", "hello", "World", " HTMLParser")]
    [DataRow("o200k", "It's HE'LL a'b", "It's", " HE'LL", " a", "'b")]
    [DataRow("o200k", "漢ABC", "漢", "ABC")]
    [DataRow("o200k", "𝓐𝓫𝓒 😀𠮷𝟘𝟙𝟚𝟛", "𝓐𝓫", "𝓒", " 😀", "𠮷", "𝟘𝟙𝟚", "𝟛")]
    [DataRow("o200k", "a//\r\nb", "a", "//\r\n", "b")]
    public void PieceEnd_CodePointsBeyondTheBasicPlane_AreLettersAndNumbers(string name, string text,
        params string[] pieces) =>
        CollectionAssert.AreEqual(pieces, Pieces(Splitter(name), text));

    private static PieceSplitter Splitter(string name) => name switch
    {
        "gpt2" => new Gpt2Splitter(),
        "llama3" => new Llama3Splitter(longestNumber: 3),
        "qwen2" => new Llama3Splitter(longestNumber: 1),
        "o200k" => new O200kSplitter(),
        "numbers" => new NumberSplitter(individual: true),
        "number runs" => new NumberSplitter(individual: false),
        "words" => new WordSplitter('a'),
        "marks" => new MarkSplitter("a"),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    private static string[] Pieces(PieceSplitter splitter, string text)
    {
        var pieces = new List<string>();
        for (int start = 0; start < text.Length;)
        {
            int end = splitter.PieceEnd(text, start, text.Length);
            pieces.Add(text[start..end]);
            start = end;
        }
        return [.. pieces];
    }
}
