using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>
/// Where keys and values lie in the state of a sequence, as llama.cpp gives it. Read from a state strictly: whatever is
/// otherwise than it was when this was written is an error (<c>llama_kv_cache::state_write</c>; all numbers are little
/// endian):
/// <code>
///   magic, sequence, streams = 1, cells = P, { position, sequences = 1, sequence } a cell,
///   is V transposed, layers = N,
///   { type, bytes of a row (64 bits), [P][G][D] } a layer: keys,
///   { the same, or where transposed: type, bytes of an element, elements = G * D, [G][D][P] } a layer: values
/// </code>
/// </summary>
internal sealed class StateLayout
{
    private readonly SiteShape _shape;
    private readonly StateForm _form;
    private readonly int[] _keys, _values;
    private readonly bool _isTransposed;

    private StateLayout(ReadOnlySpan<byte> state, SiteShape shape, StateForm form)
    {
        (_shape, _form) = (shape, form);
        (_keys, _values) = (new int[shape.Layers], new int[shape.Layers]);
        var cursor = new Cursor(state);
        cursor.Skip("magic");
        cursor.Skip("sequence");
        cursor.Expect(1, "streams");
        cursor.Expect(shape.Length, "cells");
        for (int cell = 0; cell < shape.Length; cell++)
        {
            cursor.Expect(cell, "position of a cell");
            cursor.Expect(1, "sequences of a cell");
            cursor.Skip("sequence of a cell");
        }
        _isTransposed = cursor.Flag("whether values are transposed");
        cursor.Expect(shape.Layers, "layers");
        int row = shape.KeyValueHeads * shape.HeadSize;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            cursor.Expect((int)form.Type, "type of keys");
            cursor.ExpectWide(row * form.ElementBytes, "bytes of a row of keys");
            _keys[layer] = cursor.Pass(row * form.ElementBytes * shape.Length, "keys");
        }
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            cursor.Expect((int)form.Type, "type of values");
            if (_isTransposed)
            {
                cursor.Expect(form.ElementBytes, "bytes of a value");
                cursor.Expect(row, "values of a cell");
            }
            else
            {
                cursor.ExpectWide(row * form.ElementBytes, "bytes of a row of values");
            }
            _values[layer] = cursor.Pass(row * form.ElementBytes * shape.Length, "values");
        }
        cursor.ExpectEnd();
    }

    /// <summary>Reads the layout of a state.</summary>
    /// <param name="state">The state of a sequence of P tokens.</param>
    /// <param name="shape">N, G, P, D.</param>
    /// <param name="form">How numbers lie in it.</param>
    /// <exception cref="NotSupportedException">It has another layout.</exception>
    public static StateLayout Read(ReadOnlySpan<byte> state, SiteShape shape, StateForm form) =>
        new(state, shape, form);

    /// <summary>Writes a prefix over the numbers of a state.</summary>
    /// <param name="values">[N, 2, G, P, D], keys in rotate-half order.</param>
    /// <param name="state">The state that the layout was read from.</param>
    public void Write(ReadOnlySpan<float> values, Span<byte> state)
    {
        int at = 0;
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            for (int half = 0; half < 2; half++)
            {
                for (int i = 0; i < _shape.KeyValueHeads * _shape.Length * _shape.HeadSize; i++)
                    Put(state[Place(layer, half == 0, i)..], values[at++]);
            }
        }
    }

    /// <summary>The numbers of a state as those of a prefix.</summary>
    /// <returns>[N, 2, G, P, D], keys in rotate-half order.</returns>
    public float[] Values(ReadOnlySpan<byte> state)
    {
        var values = new float[_shape.Count];
        int at = 0;
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            for (int half = 0; half < 2; half++)
            {
                for (int i = 0; i < _shape.KeyValueHeads * _shape.Length * _shape.HeadSize; i++)
                    values[at++] = Get(state[Place(layer, half == 0, i)..]);
            }
        }
        return values;
    }

    /// <summary>Where number i of [G, P, D] lies.</summary>
    private int Place(int layer, bool isKey, int i)
    {
        int size = _shape.HeadSize, number = i % size, token = i / size % _shape.Length;
        int head = i / size / _shape.Length, width = _shape.KeyValueHeads * size;
        if (isKey && _form.IsInterleaved)
            number = number % (size / 2) * 2 + number / (size / 2);
        int element = isKey || !_isTransposed ? token * width + head * size + number
            : (head * size + number) * _shape.Length + token;
        return (isKey ? _keys : _values)[layer] + element * _form.ElementBytes;
    }

    private void Put(Span<byte> place, float value)
    {
        if (_form.Type == GGMLType.GGML_TYPE_F32)
            BinaryPrimitives.WriteSingleLittleEndian(place, value);
        else
            BinaryPrimitives.WriteHalfLittleEndian(place, (Half)value);
    }

    private float Get(ReadOnlySpan<byte> place) => _form.Type == GGMLType.GGML_TYPE_F32
        ? BinaryPrimitives.ReadSingleLittleEndian(place) : (float)BinaryPrimitives.ReadHalfLittleEndian(place);

    /// <summary>Goes over a state, each step checked.</summary>
    private ref struct Cursor(ReadOnlySpan<byte> state)
    {
        private readonly ReadOnlySpan<byte> _state = state;
        private int _at;

        public void Skip(string what) => Take(sizeof(uint), what);

        public void Expect(long expected, string what) =>
            Compare(expected, MemoryMarshal.Read<uint>(Take(sizeof(uint), what)), what);

        public void ExpectWide(long expected, string what) =>
            Compare(expected, MemoryMarshal.Read<long>(Take(sizeof(long), what)), what);

        public bool Flag(string what)
        {
            uint found = MemoryMarshal.Read<uint>(Take(sizeof(uint), what));
            return found <= 1 ? found == 1 : throw Fault(what, "0 or 1", $"{found}");
        }

        public int Pass(int bytes, string what)
        {
            int start = _at;
            Take(bytes, what);
            return start;
        }

        public readonly void ExpectEnd()
        {
            if (_at != _state.Length)
                throw Fault("length", $"{_at} bytes", $"{_state.Length}");
        }

        private ReadOnlySpan<byte> Take(int bytes, string what)
        {
            if (_state.Length - _at < bytes)
                throw Fault(what, $"{bytes} bytes from {_at}", $"{_state.Length - _at}");
            ReadOnlySpan<byte> taken = _state.Slice(_at, bytes);
            _at += bytes;
            return taken;
        }

        private readonly void Compare(long expected, long found, string what)
        {
            if (found != expected)
                throw Fault($"{what}, before byte {_at}", $"{expected}", $"{found}");
        }

        private static NotSupportedException Fault(string what, string expected, string found) => new(
            $"State of a sequence of this llama.cpp, {what}: expected {expected}, found {found}. Its layout is not the"
            + " one that is known here: use the version of LLamaSharp that this package was made for.");
    }
}

/// <summary>How numbers lie in a state.</summary>
/// <param name="Type">Their type: F16 or F32.</param>
/// <param name="IsInterleaved">Keys of a head lie as interleaved pairs, as this architecture rotates them.</param>
internal readonly record struct StateForm(GGMLType Type, bool IsInterleaved)
{
    /// <summary>Bytes of a number.</summary>
    public int ElementBytes => Type == GGMLType.GGML_TYPE_F32 ? sizeof(float) : sizeof(ushort);
}
