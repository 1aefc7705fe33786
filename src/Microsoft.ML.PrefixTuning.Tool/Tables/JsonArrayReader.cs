using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads an array of JSON objects one after the other; only the one that is read is in memory.</summary>
/// <param name="reader">The text; owned.</param>
/// <param name="name">Name of the file, for messages.</param>
/// <param name="columns">The columns; null for the properties of the first object.</param>
internal sealed class JsonArrayReader(TextReader reader, string name, IReadOnlyList<string>? columns)
    : JsonTableReader(reader, name, columns)
{
    private const int EndOfText = -1;

    private long _line = 1;
    private long? _begin;
    private long _row;
    private bool _isAtEnd;

    protected override long Line => _begin ?? _line;

    // All of an array may stand in one line.
    protected override string Place => _row == 0 ? base.Place : $"{base.Place} (row {_row})";

    protected override string? NextObject()
    {
        _begin = null;
        if (_isAtEnd)
            return null;
        if (_row == 0)
            Require(ReadToken(), '[', "an array of JSON objects");
        int token = ReadToken();
        if (token == ']')
        {
            Require(ReadToken(), EndOfText, "nothing behind the array");
            _isAtEnd = true;
            return null;
        }
        if (_row > 0)
        {
            Require(token, ',', "',' or ']' behind an object");
            token = ReadToken();
        }
        _row++;
        Require(token, '{', "a JSON object");
        _begin = _line;
        return ReadObject();
    }

    /// <summary>The text of an object whose brace was read.</summary>
    private string ReadObject()
    {
        var text = new StringBuilder("{");
        bool isInside = false;
        for (int depth = 1; depth > 0;)
        {
            int c = ReadChar();
            if (c == EndOfText)
                throw Expected("'}'", c);
            text.Append((char)c);
            if (isInside && c == '\\')
                text.Append((char)ReadChar());
            else if (c == '"')
                isInside = !isInside;
            else if (!isInside)
                depth += c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0;
        }
        return text.ToString();
    }

    private int ReadToken()
    {
        int c = ReadChar();
        while (c is ' ' or '\t' or '\r' or '\n')
            c = ReadChar();
        return c;
    }

    private int ReadChar()
    {
        int c = Reader.Read();
        if (c == '\n')
            _line++;
        return c;
    }

    private void Require(int found, int wanted, string expected)
    {
        if (found != wanted)
            throw Expected(expected, found);
    }

    private FormatException Expected(string expected, int found) =>
        new($"{Place}: expected {expected}, found "
            + (found == EndOfText ? "the end of the file." : $"'{(char)found}'."));
}
