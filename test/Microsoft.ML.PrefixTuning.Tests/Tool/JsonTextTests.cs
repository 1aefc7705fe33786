using System.Text.Json;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Texts out of JSON and into it.</summary>
[TestClass]
public sealed class JsonTextTests
{
    [TestMethod]
    [DataRow("\"plain\"", "plain")]
    [DataRow(@"""a\""b\\c\/d\b\f\n\r\t""", "a\"b\\c/d\b\f\n\r\t")]
    [DataRow(@"""näh \u00e4 \ud83c\udf75 🍵""", "näh ä 🍵 🍵")]
    [DataRow(@"""\ud83c""", "\ufffd")]
    [DataRow(@"""a\udf75\ud83cb""", "a\ufffd\ufffdb")]
    [DataRow(@"""\ud83c\ud83c\udf75""", "\ufffd🍵")]
    public void Of_AnyString_IsItsText(string json, string expected)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.AreEqual(expected, JsonText.Of(document.RootElement));
    }

    [TestMethod]
    public void NameOf_WithLoneSurrogate_HasItReplaced()
    {
        using JsonDocument document = JsonDocument.Parse(@"{""a\ud83cb"": 1}");
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
            Assert.AreEqual("a\ufffdb", JsonText.NameOf(property));
    }

    [TestMethod]
    [DataRow("näh 🍵 ffi / < > & '", "\"näh 🍵 ffi / < > & '\"")]
    [DataRow("a\"b\\c\n\r\t\u0001\u007f\u0085\u2028\u2029", @"""a\""b\\c\n\r\t\u0001\u007f\u0085\u2028\u2029""")]
    public void Quote_AnyText_IsOneReadableLine(string text, string expected) =>
        Assert.AreEqual(expected, JsonText.Quote(text));

    [TestMethod]
    public void Quote_LoneSurrogate_ReplacesIt() => Assert.AreEqual("\"a\ufffdb\"", JsonText.Quote("a\ud83cb"));

    [TestMethod]
    [DataRow("{ \"a\" : 1.50 }", "{ \"a\" : 1.50 }")]
    [DataRow("{ \"a\\n \\\" {\" :\r\n  [ 1,\n 2 ] }", "{\"a\\n \\\" {\":[1,2]}")]
    public void OneLine_AnyValue_KeepsWhatIsNoSpace(string json, string expected)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.AreEqual(expected, JsonText.OneLine(document.RootElement));
    }
}
