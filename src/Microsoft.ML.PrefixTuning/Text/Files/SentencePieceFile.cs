using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>A token of a SentencePiece vocabulary.</summary>
/// <param name="Text">The token, <c>▁</c> for a space.</param>
/// <param name="Score">Its score: the larger, the sooner it is taken.</param>
/// <param name="Type">What it is.</param>
internal readonly record struct SentencePiece(string Text, float Score, PieceType Type);

/// <summary>
/// What a token of a SentencePiece vocabulary is: the numbers of its model file and of GGUF's <c>token_type</c>.
/// </summary>
internal enum PieceType
{
    /// <summary>Text.</summary>
    Normal = 1,

    /// <summary>Stands for what has no token.</summary>
    Unknown = 2,

    /// <summary>Means something to the model.</summary>
    Control = 3,

    /// <summary>Text that is always one token.</summary>
    UserDefined = 4,

    /// <summary>No text becomes it.</summary>
    Unused = 5,

    /// <summary>One byte of what has no token.</summary>
    Byte = 6,
}

/// <summary>
/// A SentencePiece model file (<c>sentencepiece_model.proto</c>), a protocol buffer read by hand: pieces, what the
/// trainer said about the model, and what the normalizer does.
/// </summary>
internal sealed class SentencePieceFile
{
    /// <summary>A model of kind Unigram.</summary>
    public const int Unigram = 1;

    /// <summary>A model of kind BPE.</summary>
    public const int BytePair = 2;

    private const int VarintWire = 0, Fixed64Wire = 1, BytesWire = 2, Fixed32Wire = 5;

    private readonly string _file;
    private readonly List<SentencePiece> _pieces = [];

    private SentencePieceFile(string file) => _file = file;

    /// <summary>The tokens by id.</summary>
    public IReadOnlyList<SentencePiece> Pieces => _pieces;

    /// <summary>The kind: <see cref="Unigram"/>, <see cref="BytePair"/> or another number.</summary>
    public int ModelType { get; private set; } = Unigram;

    /// <summary>Whether what has no token becomes its bytes.</summary>
    public bool ByteFallback { get; private set; }

    /// <summary>Id of the unknown token.</summary>
    public int UnknownId { get; private set; }

    /// <summary>Id of the begin token; negative for none.</summary>
    public int BeginId { get; private set; } = 1;

    /// <summary>Id of the end token; negative for none.</summary>
    public int EndId { get; private set; } = 2;

    /// <summary>What the unknown token is as text.</summary>
    public string UnknownSurface { get; private set; } = " \u2047 ";

    /// <summary>Whether a space goes behind words and not in front.</summary>
    public bool SpaceBehind { get; private set; }

    /// <summary>The table of the normalization; empty for none.</summary>
    public byte[] CharacterMap { get; private set; } = [];

    /// <summary>Whether a space goes in front of a text.</summary>
    public bool AddsPrefix { get; private set; } = true;

    /// <summary>Whether runs of spaces become one.</summary>
    public bool CollapsesSpaces { get; private set; } = true;

    /// <summary>Whether spaces become <c>▁</c>.</summary>
    public bool EscapesSpaces { get; private set; } = true;

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">It is no such file.</exception>
    public static SentencePieceFile Read(string path)
    {
        var model = new SentencePieceFile(Path.GetFileName(path));
        model.ReadFields(File.ReadAllBytes(path), model.ReadModelField);
        return model;
    }

    private void ReadModelField(int field, ReadOnlySpan<byte> bytes, ulong number)
    {
        if (field == 1)
            _pieces.Add(ReadPiece(bytes));
        else if (field == 2)
            ReadFields(bytes, ReadTrainerField);
        else if (field == 3)
            ReadFields(bytes, ReadNormalizerField);
    }

    private SentencePiece ReadPiece(ReadOnlySpan<byte> bytes)
    {
        string text = "";
        float score = 0;
        var type = PieceType.Normal;
        ReadFields(bytes, (field, value, number) =>
        {
            if (field == 1)
                text = Text(value);
            else if (field == 2)
                score = BitConverter.UInt32BitsToSingle((uint)number);
            else if (field == 3)
                type = (PieceType)number;
        });
        if (text.Length == 0 || !float.IsFinite(score) || !Enum.IsDefined(type))
            throw new FormatException(
                $"{_file}: piece {_pieces.Count}: expected a text, a finite score and a type from 1 to 6, "
                + FormattableString.Invariant($"found {FileText.Quote(text)}, {score} and {(int)type}."));
        return new SentencePiece(text, score, type);
    }

    private void ReadTrainerField(int field, ReadOnlySpan<byte> bytes, ulong number)
    {
        switch (field)
        {
            case 3:
                ModelType = (int)number;
                break;
            case 24:
                SpaceBehind = number != 0;
                break;
            case 35:
                ByteFallback = number != 0;
                break;
            case 40:
                UnknownId = (int)number;
                break;
            case 41:
                BeginId = (int)number;
                break;
            case 42:
                EndId = (int)number;
                break;
            case 44:
                UnknownSurface = Text(bytes);
                break;
        }
    }

    private void ReadNormalizerField(int field, ReadOnlySpan<byte> bytes, ulong number)
    {
        switch (field)
        {
            case 2:
                CharacterMap = bytes.ToArray();
                break;
            case 3:
                AddsPrefix = number != 0;
                break;
            case 4:
                CollapsesSpaces = number != 0;
                break;
            case 5:
                EscapesSpaces = number != 0;
                break;
        }
    }

    private delegate void FieldReader(int field, ReadOnlySpan<byte> bytes, ulong number);

    private void ReadFields(ReadOnlySpan<byte> message, FieldReader read)
    {
        while (!message.IsEmpty)
        {
            ulong key = Varint(ref message);
            ReadOnlySpan<byte> bytes = default;
            ulong number = 0;
            switch ((int)(key & 7))
            {
                case VarintWire:
                    number = Varint(ref message);
                    break;
                case Fixed64Wire:
                    number = BinaryPrimitives.ReadUInt64LittleEndian(Cut(ref message, sizeof(ulong)));
                    break;
                case BytesWire:
                    bytes = Cut(ref message, Varint(ref message));
                    break;
                case Fixed32Wire:
                    number = BinaryPrimitives.ReadUInt32LittleEndian(Cut(ref message, sizeof(uint)));
                    break;
                default:
                    throw Broken();
            }
            read((int)(key >> 3), bytes, number);
        }
    }

    private ulong Varint(scoped ref ReadOnlySpan<byte> message)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64 && !message.IsEmpty; shift += 7)
        {
            byte part = message[0];
            message = message[1..];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }
        throw Broken();
    }

    private ReadOnlySpan<byte> Cut(scoped ref ReadOnlySpan<byte> message, ulong length)
    {
        if (length > (ulong)message.Length)
            throw Broken();
        ReadOnlySpan<byte> bytes = message[..(int)length];
        message = message[(int)length..];
        return bytes;
    }

    private string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException fault)
        {
            throw new FormatException($"{_file}: expected UTF-8, found other bytes.", fault);
        }
    }

    private FormatException Broken() =>
        new($"{_file}: expected a SentencePiece model, found something else or the file is cut.");
}
