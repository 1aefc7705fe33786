using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// A normalization compiled into a table, such as NMT-NFKC: the longest sequence of bytes that the table knows is
/// replaced, again and again from left to right. The layout is SentencePiece's <c>precompiled_charsmap</c>: the trie's
/// length in bytes, a Darts-clone double array, then the replacements, each ended by a 0.
/// </summary>
/// <remarks>
/// The tokenizers library reads the same table otherwise (<see cref="ByGraphemes"/>): what a model was trained with
/// depends on the file that its tokenizer comes from.
/// </remarks>
internal sealed class CharacterMapNormalizer : Normalizer
{
    private const int UnitSize = sizeof(uint);

    // Bytes of a grapheme that the tokenizers library looks up whole.
    private const int LongestWhole = 5;

    private const int AsciiCount = 128;

    private readonly string _where;
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    // Characters of ASCII that are not replaced beside others of ASCII: most of most texts.
    private readonly SearchValues<byte> _still;

    /// <summary>Reads a table.</summary>
    /// <param name="table">The bytes.</param>
    /// <param name="where">File and field for messages.</param>
    /// <exception cref="FormatException">The lengths do not fit.</exception>
    public CharacterMapNormalizer(ReadOnlySpan<byte> table, string where)
    {
        uint trie = table.Length < UnitSize ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(table);
        if (trie < UnitSize || trie % UnitSize != 0 || trie >= table.Length - UnitSize || table[^1] != 0)
            throw new FormatException(
                $"{where}: expected a trie and replacements in {table.Length} bytes, found a trie of {trie} bytes.");
        _where = where;
        _units = new uint[trie / UnitSize];
        for (int i = 0; i < _units.Length; i++)
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[((i + 1) * UnitSize)..]);
        _replacements = table[(UnitSize + (int)trie)..].ToArray();
        byte[] still = [.. Enumerable.Range(0, AsciiCount).Select(value => (byte)value).Where(IsStill)];
        _still = SearchValues.Create(still);
    }

    /// <summary>
    /// Whether the text is gone through as the tokenizers library does it: a short grapheme becomes what the shortest
    /// sequence at its beginning becomes, all of it; of others each character by itself.
    /// </summary>
    public bool ByGraphemes { get; init; }

    /// <summary>Texts that stay as they are; null for none. Only where it is not <see cref="ByGraphemes"/>.</summary>
    public TokenTrie? Kept { get; init; }

    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        int read = 0, grapheme = 0;
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        long most = (long)rest.Length * MostGrowth;
        var result = new ArrayBufferWriter<byte>(rest.Length + 1);
        while (!rest.IsEmpty)
        {
            int kept = grapheme > 0 ? 0 : KeptLength(rest, text.AsSpan(read)), replacement = 0;
            int length = kept > 0 ? 0 : ByGraphemes ? OfGrapheme(rest, text.AsSpan(read), ref grapheme, out replacement)
                : Find(rest, longest: true, out replacement);
            ReadOnlySpan<byte> written = length > 0 ? ReplacementAt(replacement) : default;
            if (result.WrittenCount + written.Length > most)
            {
                throw new FormatException(
                    $"{_where}: expected a table that makes a text at most {MostGrowth} times as long, found more.");
            }
            if (length == 0)
            {
                length = kept;
                if (kept == 0)
                    Rune.DecodeFromUtf8(rest, out _, out length);
                written = rest[..length];
            }
            result.Write(written);
            if (alignment is not null || ByGraphemes || Kept is not null)
            {
                // A broken table may know sequences that end within a character.
                int characters = Math.Min(Encoding.UTF8.GetCharCount(rest[..length]), text.Length - read);
                alignment?.Write(read, characters, Encoding.UTF8.GetCharCount(written));
                read += characters;
            }
            rest = rest[length..];
        }
        return Encoding.UTF8.GetString(result.WrittenSpan);
    }

    // Bytes at the beginning that stay. A broken table may have led both forms of the text apart.
    private int KeptLength(ReadOnlySpan<byte> rest, ReadOnlySpan<char> text)
    {
        if (Kept is null)
            return StillLength(rest);
        if (Kept.Longest(text, out int characters) == TokenTrie.None)
            return 0;
        int length = Encoding.UTF8.GetByteCount(text[..characters]);
        return length <= rest.Length ? length : 0;
    }

    // What follows may be one with the last character where it is not of ASCII.
    private int StillLength(ReadOnlySpan<byte> rest)
    {
        int end = rest.IndexOfAnyExcept(_still);
        return end < 0 ? rest.Length : end > 0 && rest[end] >= AsciiCount ? end - 1 : end;
    }

    // The bytes of the next grapheme or character, 0 where it stays; left counts those of the grapheme at hand.
    private int OfGrapheme(ReadOnlySpan<byte> rest, ReadOnlySpan<char> text, ref int left, out int replacement)
    {
        if (left == 0)
        {
            left = Encoding.UTF8.GetByteCount(text[..StringInfo.GetNextTextElementLength(text)]);
            if (left <= LongestWhole && Find(rest[..left], longest: false, out replacement) > 0)
            {
                int whole = left;
                left = 0;
                return whole;
            }
        }
        Rune.DecodeFromUtf8(rest, out _, out int length);
        left -= length;
        return Find(rest[..length], longest: false, out replacement) > 0 ? length : 0;
    }

    private ReadOnlySpan<byte> ReplacementAt(int start)
    {
        ReadOnlySpan<byte> rest = _replacements.AsSpan(start);
        return rest[..rest.IndexOf((byte)0)];
    }

    // Whether no sequence is one character, or begins with it and goes on in ASCII.
    private bool IsStill(byte character)
    {
        uint place = Offset(_units[0]);
        if (!Step(ref place, character, out bool isEnd))
            return true;
        return !isEnd && !Enumerable.Range(0, AsciiCount).Any(next =>
        {
            uint behind = place;
            return Step(ref behind, (byte)next, out _);
        });
    }

    // Darts-clone's commonPrefixSearch, for its longest sequence or its first, which is the shortest.
    private int Find(ReadOnlySpan<byte> text, bool longest, out int replacement)
    {
        (int length, replacement) = (0, 0);
        uint place = Offset(_units[0]);
        for (int i = 0; i < text.Length; i++)
        {
            if (!Step(ref place, text[i], out bool isEnd))
                break;
            if (!isEnd || place >= _units.Length)
                continue;
            int value = (int)(_units[place] & 0x7FFFFFFF);
            if (value >= _replacements.Length)
                continue;
            (length, replacement) = (i + 1, value);
            if (!longest)
                break;
        }
        return length;
    }

    // One byte further; a place outside the table, as in a broken file, ends the search.
    private bool Step(ref uint place, byte next, out bool isEnd)
    {
        isEnd = false;
        place ^= next;
        if (place >= _units.Length || (_units[place] & 0x800000FF) != next)
            return false;
        uint unit = _units[place];
        isEnd = (unit >> 8 & 1) == 1;
        place ^= Offset(unit);
        return true;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1 << 9) >> 6);
}
