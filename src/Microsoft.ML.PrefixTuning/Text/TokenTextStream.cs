using System;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// The text of ids that come one by one: together what <see cref="TokenDecoder.Decode(ReadOnlySpan{int})"/> gives of
/// all. A character comes with the id that ends it.
/// </summary>
/// <param name="decoder">Gives the bytes.</param>
internal sealed class TokenTextStream(TokenDecoder decoder)
{
    private readonly Decoder _characters = Encoding.UTF8.GetDecoder();
    private bool _isFirst = true;

    /// <summary>The characters that are whole with the next id.</summary>
    public string Next(int id) => Characters(decoder.BytesOf(id, ref _isFirst), flush: false);

    /// <summary>What is left at the end of the text: the beginning of a character that nothing ended.</summary>
    public string End() => Characters([], flush: true);

    private string Characters(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[_characters.GetCharCount(bytes, flush)];
        return new string(characters, 0, _characters.GetChars(bytes, characters, flush));
    }
}
