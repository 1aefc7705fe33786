using System;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Text that comes byte by byte, as from a pipe or a keyboard.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class MarkedReaderTests
{
    [TestMethod]
    [DataRow("utf-8")]
    [DataRow("utf-16")]
    [DataRow("utf-16BE")]
    [DataRow("utf-32")]
    [DataRow("utf-32BE")]
    public void Read_OfBytesWithAByteOrderMark_IsInItsEncodingAndStrict(string name)
    {
        Encoding encoding = Encoding.GetEncoding(name);
        const string Text = "\nIn\nnäh 🍵 behind thirty-two bytes and more\n";
        byte[] whole = [.. encoding.Preamble, .. encoding.GetBytes(Text)];
        using (var reader = new MarkedReader(new Drops(whole)))
        {
            Assert.AreEqual(Text, reader.ReadToEnd());
            Assert.AreEqual(encoding.WebName, reader.Encoding.WebName);
        }
        // The first byte of a further character, or of half a one.
        using var broken = new MarkedReader(new Drops([.. whole, 0xd8]));
        Assert.ThrowsExactly<DecoderFallbackException>(() => broken.ReadToEnd());
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("a")]
    [DataRow("\n")]
    [DataRow("näh\n\nb")]
    public void Read_OfBytesWithoutAMark_IsInUtf8(string text)
    {
        using var reader = new MarkedReader(new Drops(Encoding.UTF8.GetBytes(text)));
        Assert.AreEqual(text, reader.ReadToEnd());
    }

    [TestMethod]
    public void ReadLine_OfALineThatIsTyped_AsksForNoMore()
    {
        using var stream = new Drops("a\nb\n"u8.ToArray());
        using var reader = new MarkedReader(stream);
        Assert.AreEqual(0, stream.Taken);
        Assert.AreEqual("a", reader.ReadLine());
        Assert.AreEqual(2, stream.Taken);
        Assert.AreEqual("b", reader.ReadLine());
    }

    [TestMethod]
    [DataRow("a\0b\0\n\0", "zero bytes, as UTF-16 and UTF-32 have them")]
    [DataRow("\0a\0\n", "zero bytes, as UTF-16 and UTF-32 have them")]
    [DataRow("\u001f\u008b", "packed with gzip")]
    [DataRow("version https://git-lfs.github.com/spec/v1\n", "a pointer file of Git LFS")]
    public void Read_OfWhatIsNoText_SaysWhatItIs(string bytes, string expected)
    {
        using var reader = new MarkedReader(new Drops(Encoding.Latin1.GetBytes(bytes)));
        Assert.Contains(expected, Assert.ThrowsExactly<InvalidDataException>(() => reader.ReadToEnd()).Message);
    }

    private sealed class Drops(byte[] bytes) : MemoryStream(bytes)
    {
        public long Taken => Position;

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, 1));

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1)]);
    }
}
