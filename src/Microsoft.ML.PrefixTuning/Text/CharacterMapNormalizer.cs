using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// A normalization compiled into a table, such as NMT-NFKC: the longest sequence of bytes that the table knows is
/// replaced, again and again from left to right. The layout is SentencePiece's <c>precompiled_charsmap</c>: the trie's
/// length in bytes, a Darts-clone double array, then the replacements, each ended by a 0.
/// </summary>
internal sealed class CharacterMapNormalizer : Normalizer
{
    private const int UnitSize = sizeof(uint);

    private readonly string _where;
    private readonly uint[] _units;
    private readonly byte[] _replacements;

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
    }

    protected override string Rewrite(string text, TextPlace place, TextAlignment? alignment)
    {
        int read = 0;
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        long most = (long)rest.Length * MostGrowth;
        var result = new ArrayBufferWriter<byte>(rest.Length + 1);
        while (!rest.IsEmpty)
        {
            int length = Longest(rest, out int replacement);
            ReadOnlySpan<byte> written = length > 0 ? ReplacementAt(replacement) : default;
            if (result.WrittenCount + written.Length > most)
            {
                throw new FormatException(
                    $"{_where}: expected a table that makes a text at most {MostGrowth} times as long, found more.");
            }
            if (length == 0)
            {
                Rune.DecodeFromUtf8(rest, out _, out length);
                written = rest[..length];
            }
            result.Write(written);
            if (alignment is not null)
            {
                // A broken table may know sequences that end within a character.
                int characters = Math.Min(Encoding.UTF8.GetCharCount(rest[..length]), text.Length - read);
                alignment.Write(read, characters, Encoding.UTF8.GetCharCount(written));
                read += characters;
            }
            rest = rest[length..];
        }
        return Encoding.UTF8.GetString(result.WrittenSpan);
    }

    private ReadOnlySpan<byte> ReplacementAt(int start)
    {
        ReadOnlySpan<byte> rest = _replacements.AsSpan(start);
        return rest[..rest.IndexOf((byte)0)];
    }

    // Darts-clone's commonPrefixSearch; a place outside the table, as in a broken file, ends the search.
    private int Longest(ReadOnlySpan<byte> text, out int replacement)
    {
        (int length, replacement) = (0, 0);
        uint place = Offset(_units[0]);
        for (int i = 0; i < text.Length; i++)
        {
            place ^= text[i];
            if (place >= _units.Length || (_units[place] & 0x800000FF) != text[i])
                break;
            uint unit = _units[place];
            place ^= Offset(unit);
            bool isEnd = (unit >> 8 & 1) == 1;
            if (!isEnd || place >= _units.Length)
                continue;
            int value = (int)(_units[place] & 0x7FFFFFFF);
            if (value < _replacements.Length)
                (length, replacement) = (i + 1, value);
        }
        return length;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1 << 9) >> 6);
}
