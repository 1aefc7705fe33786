using System;
using System.Collections.Generic;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

/// <summary>
/// Reads one tensor's entry of a safetensors header: type, shape and place, each checked against the others.
/// </summary>
internal static class SafeTensorsEntryReader
{
    // More axes than any tensor: keeps a long list from becoming a tensor of a strange kind.
    private const int MostAxes = 64;

    /// <summary>Reads the value of a tensor's name, on whose first token the reader stands.</summary>
    /// <exception cref="FormatException">A part is missing, of another kind, or contradicts another.</exception>
    public static SafeTensorsEntry Read(ref Utf8JsonReader reader, string name, string file)
    {
        string where = $"{file}: tensor {FileText.Quote(name)}";
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new FormatException(
                $"{where}: expected an object with dtype, shape and data_offsets in the header, found"
                    + $" {reader.TokenType}.");
        SafeTensorsType? type = null;
        long[]? shape = null, offsets = null;
        while (SafeTensorsHeader.Next(ref reader, file) == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            SafeTensorsHeader.Next(ref reader, file);
            switch (key)
            {
                case "dtype":
                    Once(type, where, key);
                    type = ReadType(ref reader, where);
                    break;
                case "shape":
                    Once(shape, where, key);
                    shape = ReadNumbers(ref reader, where, key, file);
                    break;
                case "data_offsets":
                    Once(offsets, where, key);
                    offsets = ReadNumbers(ref reader, where, key, file);
                    break;
                default:
                    if (!reader.TrySkip())
                        throw new FormatException($"{file}: header: the JSON ends too early.");
                    break;
            }
        }
        if (type is null || shape is null || offsets is null)
            throw new FormatException(
                $"{where}: {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")} is missing.");
        if (offsets.Length != 2 || offsets[0] > offsets[1])
            throw new FormatException(
                $"{where}: data_offsets: expected [begin, end], found [{string.Join(", ", offsets)}].");
        CheckSize(type, shape, offsets[1] - offsets[0], where);
        return new SafeTensorsEntry(new TensorInfo(name, type.Name, shape, file, type.IsFloating), type, offsets[0],
            offsets[1]);
    }

    private static void Once(object? value, string where, string key)
    {
        if (value is not null)
            throw new FormatException($"{where}: {key} stands there twice (duplicate).");
    }

    private static SafeTensorsType ReadType(ref Utf8JsonReader reader, string where)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new FormatException($"{where}: dtype: expected a text, found {reader.TokenType}.");
        string name = reader.GetString()!;
        return SafeTensorsType.Find(name)
            ?? throw new FormatException(
                $"{where}: dtype: expected one of safetensors' types, found {FileText.Quote(name)}.");
    }

    private static long[] ReadNumbers(ref Utf8JsonReader reader, string where, string key, string file)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new FormatException($"{where}: {key}: expected a list of whole numbers, found {reader.TokenType}.");
        var numbers = new List<long>();
        while (SafeTensorsHeader.Next(ref reader, file) != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0
                || numbers.Count == MostAxes)
                throw new FormatException(
                    $"{where}: {key}: expected at most {MostAxes} whole numbers from 0 to {long.MaxValue}, found"
                        + " something else.");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    private static void CheckSize(SafeTensorsType type, long[] shape, long bytes, string where)
    {
        UInt128 bits = (UInt128)type.Bits;
        foreach (long axis in shape)
        {
            bits *= (UInt128)axis;
            if (bits > (UInt128)long.MaxValue)
                throw new FormatException(
                    $"{where}: shape [{string.Join(", ", shape)}]: its size is an overflow of 64 bits.");
        }
        if (bits != (UInt128)bytes * 8)
            throw new FormatException(
                $"{where}: shape [{string.Join(", ", shape)}] of dtype {type.Name}: expected {bits / 8} bytes,"
                    + $" data_offsets give {bytes}.");
    }
}
