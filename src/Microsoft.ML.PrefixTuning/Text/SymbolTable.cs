using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>The smallest parts of a piece: the ids that byte-pair encoding starts from.</summary>
/// <param name="unknown">What a part without a token becomes.</param>
internal abstract class SymbolTable(UnknownToken unknown)
{
    /// <summary>Adds the symbols of a piece to <see cref="TokenSink.Symbols"/>.</summary>
    public abstract void Read(ReadOnlySpan<char> piece, TokenSink sink);

    /// <summary>The id of the token that is the whole piece.</summary>
    public abstract bool TryWhole(ReadOnlySpan<char> piece, out int id);

    /// <summary>
    /// Adds the unknown token, or leaves the part out where there is none: its neighbours then stand side by side, as
    /// they do in the reference.
    /// </summary>
    /// <param name="sink">Takes it.</param>
    /// <param name="bytes">Bytes of the part.</param>
    /// <param name="begin">Its first character in the piece.</param>
    /// <param name="end">Where its characters end.</param>
    protected void AddUnknown(TokenSink sink, int bytes, int begin, int end)
    {
        sink.LostBytes += bytes;
        if (unknown.Id is not int id)
            return;
        if (!unknown.Fused || sink.Symbols.Count == 0 || sink.Symbols[^1] != id)
            sink.AddSymbol(id, begin, end);
        else if (sink.Spans is not null)
            sink.SymbolSpans[^1] = (sink.SymbolSpans[^1].Begin, end);
    }
}

/// <summary>The token for what has none.</summary>
/// <param name="Id">Its id; null to leave such parts out.</param>
/// <param name="Fused">Whether neighbouring unknown parts become one token.</param>
internal readonly record struct UnknownToken(int? Id, bool Fused);

/// <summary>One symbol a byte of UTF-8.</summary>
internal sealed class ByteSymbols : SymbolTable
{
    private const int None = -1;

    private readonly int[] _ids = new int[256];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _tokens;

    /// <summary>Looks the bytes' tokens up.</summary>
    /// <param name="tokens">Ids of the tokens that text may become, written in <see cref="ByteAlphabet"/>.</param>
    /// <param name="unknown">What a byte without a token becomes.</param>
    public ByteSymbols(Dictionary<string, int> tokens, UnknownToken unknown) : base(unknown)
    {
        _tokens = tokens.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int value = 0; value < _ids.Length; value++)
            _ids[value] = _tokens.TryGetValue([ByteAlphabet.CharacterOf((byte)value)], out int id) ? id : None;
    }

    public override void Read(ReadOnlySpan<char> piece, TokenSink sink)
    {
        Span<byte> bytes = stackalloc byte[4];
        for (int begin = 0; begin < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[begin..], out Rune rune, out int width);
            foreach (byte value in bytes[..rune.EncodeToUtf8(bytes)])
            {
                if (_ids[value] == None)
                    AddUnknown(sink, bytes: 1, begin, begin + width);
                else
                    sink.AddSymbol(_ids[value], begin, begin + width);
            }
            begin += width;
        }
    }

    public override bool TryWhole(ReadOnlySpan<char> piece, out int id)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(piece.Length));
        int length = Encoding.UTF8.GetBytes(piece, bytes);
        char[] characters = ArrayPool<char>.Shared.Rent(length);
        for (int i = 0; i < length; i++)
            characters[i] = ByteAlphabet.CharacterOf(bytes[i]);
        bool found = _tokens.TryGetValue(characters.AsSpan(0, length), out id);
        ArrayPool<char>.Shared.Return(characters);
        ArrayPool<byte>.Shared.Return(bytes);
        return found;
    }
}

/// <summary>
/// One symbol a code point; one without a token becomes its bytes' tokens where the vocabulary has all of them.
/// </summary>
internal sealed class CodePointSymbols : SymbolTable
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _tokens;
    private readonly int[]? _byteIds;

    /// <param name="tokens">Ids of the tokens that text may become.</param>
    /// <param name="byteIds">
    /// Ids of the 256 bytes, <see cref="SentencePieceVocabulary.NoId"/> for one without a token; null where code points
    /// without a token are unknown.
    /// </param>
    /// <param name="unknown">What a code point without a token becomes where there are no bytes.</param>
    public CodePointSymbols(Dictionary<string, int> tokens, int[]? byteIds, UnknownToken unknown) : base(unknown) =>
        (_tokens, _byteIds) = (tokens.GetAlternateLookup<ReadOnlySpan<char>>(), byteIds);

    public override void Read(ReadOnlySpan<char> piece, TokenSink sink)
    {
        Span<byte> bytes = stackalloc byte[4];
        for (int begin = 0; begin < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[begin..], out Rune rune, out int width);
            int end = begin + width;
            if (_tokens.TryGetValue(piece[begin..end], out int id))
                sink.AddSymbol(id, begin, end);
            else if (!TryAddBytes(bytes[..rune.EncodeToUtf8(bytes)], sink, begin, end))
                AddUnknown(sink, rune.Utf8SequenceLength, begin, end);
            begin = end;
        }
    }

    public override bool TryWhole(ReadOnlySpan<char> piece, out int id) => _tokens.TryGetValue(piece, out id);

    private bool TryAddBytes(ReadOnlySpan<byte> bytes, TokenSink sink, int begin, int end)
    {
        if (_byteIds is null)
            return false;
        foreach (byte value in bytes)
        {
            if (_byteIds[value] == SentencePieceVocabulary.NoId)
                return false;
        }
        foreach (byte value in bytes)
            sink.AddSymbol(_byteIds[value], begin, end);
        return true;
    }
}
