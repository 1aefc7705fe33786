using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Tests.Checkpoints;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>A Llama of a published shape with random weights.</summary>
/// <param name="Name">What it is called here.</param>
/// <param name="Layers">Layers.</param>
/// <param name="Width">Width.</param>
/// <param name="Inner">Width of the feed-forward half.</param>
/// <param name="Heads">Heads of queries.</param>
/// <param name="SharedHeads">Heads of keys and values.</param>
/// <param name="HeadSize">Numbers of a head.</param>
/// <param name="IsTied">Whether the head is the embedding.</param>
/// <param name="Vocabulary">Tokens.</param>
internal sealed record ScaleModel(string Name, int Layers, int Width, int Inner, int Heads, int SharedHeads,
    int HeadSize, bool IsTied, int Vocabulary = 128_256)
{
    private const int Alignment = 32, Float32 = 0;

    /// <summary>Llama 3.2's smallest and Llama 3.1's.</summary>
    public static IReadOnlyList<ScaleModel> All { get; } =
    [
        new("1.24", 16, 2048, 8192, 32, 8, 64, IsTied: true),
        new("8.03", 32, 4096, 14336, 32, 8, 128, IsTied: false),
    ];

    /// <summary>SmolLM2's smallest.</summary>
    public static ScaleModel SmolLM2 { get; } = new("0.135", 30, 576, 1536, 9, 3, 64, IsTied: true, 49_152);

    /// <summary>From a fourteenth of SmolLM2's smallest up to Llama 3.2's smallest.</summary>
    public static IReadOnlyList<ScaleModel> Sizes { get; } =
    [
        new("0.010", 8, 192, 512, 3, 1, 64, IsTied: true, 32_768),
        new("0.041", 16, 384, 1024, 6, 2, 64, IsTied: true, 32_768), SmolLM2,
        new("0.362", 32, 960, 2560, 15, 5, 64, IsTied: true, 49_152), All[0],
    ];

    /// <summary>Numbers of its matrices.</summary>
    public long Numbers => Tensors().Sum(tensor => (long)tensor.Item2 * tensor.Item3);

    /// <summary>Name and shape [out, in] of a layer's matrices.</summary>
    public IReadOnlyList<(string Name, int Out, int In)> LayerMatrices { get; } =
    [
        ("attn_q", Heads * HeadSize, Width), ("attn_k", SharedHeads * HeadSize, Width),
        ("attn_v", SharedHeads * HeadSize, Width), ("attn_output", Width, Heads * HeadSize),
        ("ffn_gate", Inner, Width), ("ffn_up", Inner, Width), ("ffn_down", Width, Inner),
    ];

    /// <summary>Shape [out, in] of embedding and head.</summary>
    public (int Out, int In) Head => (Vocabulary, Width);

    /// <summary>Writes the model as GGUF, a block of a tensor at a time.</summary>
    /// <param name="path">The file.</param>
    /// <param name="type">Type of its matrices.</param>
    public void Write(string path, ScaleType type)
    {
        (string Name, int Rows, int Columns)[] tensors = [.. Tensors()];
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        using var writer = new BinaryWriter(file);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)tensors.Length);
        (string Key, object Value)[] keys = [.. Keys()];
        writer.Write((long)keys.Length);
        foreach ((string key, object value) in keys)
        {
            GgufValues.Text(writer, key);
            GgufValues.Write(writer, value);
        }
        long offset = 0;
        foreach ((string name, int rows, int columns) in tensors)
        {
            GgufValues.Text(writer, name);
            int axes = rows == 1 ? 1 : 2;
            writer.Write(axes);
            writer.Write((long)columns);
            if (axes == 2)
                writer.Write((long)rows);
            writer.Write(axes == 1 ? Float32 : type.Id);
            writer.Write(offset);
            offset += Padded(Bytes(rows, columns, type));
        }
        writer.Write(new byte[Padded(file.Position) - file.Position]);
        var random = new Random(1);
        foreach ((string _, int rows, int columns) in tensors)
        {
            if (rows == 1)
                writer.Write(MemoryMarshal.AsBytes(Enumerable.Repeat(1f, columns).ToArray().AsSpan()));
            else
                type.WriteBlocks(writer, (long)rows * columns / type.Elements, random);
            writer.Write(new byte[Padded(file.Position) - file.Position]);
        }
    }

    private IEnumerable<(string, int, int)> Tensors()
    {
        yield return ("token_embd.weight", Vocabulary, Width);
        for (int layer = 0; layer < Layers; layer++)
        {
            foreach (string norm in (string[])["attn_norm", "ffn_norm"])
                yield return ($"blk.{layer}.{norm}.weight", 1, Width);
            foreach ((string name, int rows, int columns) in LayerMatrices)
                yield return ($"blk.{layer}.{name}.weight", rows, columns);
        }
        yield return ("output_norm.weight", 1, Width);
        if (!IsTied)
            yield return ("output.weight", Vocabulary, Width);
    }

    private IEnumerable<(string, object)> Keys() =>
    [
        ("general.architecture", "llama"), ("llama.context_length", 131_072u), ("llama.embedding_length", (uint)Width),
        ("llama.block_count", (uint)Layers), ("llama.feed_forward_length", (uint)Inner),
        ("llama.attention.head_count", (uint)Heads), ("llama.attention.head_count_kv", (uint)SharedHeads),
        ("llama.attention.key_length", (uint)HeadSize), ("llama.vocab_size", (uint)Vocabulary),
        ("llama.rope.dimension_count", (uint)HeadSize), ("llama.rope.freq_base", 500_000f),
        ("llama.attention.layer_norm_rms_epsilon", 1e-5f),
        ("tokenizer.ggml.eos_token_id", (uint)Math.Min(128_001, Vocabulary - 1)),
    ];

    private static long Bytes(int rows, int columns, ScaleType type) =>
        rows == 1 ? columns * sizeof(float) : (long)rows * columns / type.Elements * type.Bytes;

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}

/// <summary>A block type of GGUF with random content: weights of mean 0 and deviation 0.02.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Id">Its number.</param>
/// <param name="Elements">Elements of a block.</param>
/// <param name="Bytes">Bytes of a block.</param>
/// <param name="Scales">The halves at its front.</param>
internal sealed record ScaleType(string Name, int Id, int Elements, int Bytes, float[] Scales)
{
    private const int BlocksAtOnce = 1 << 12;

    public static IReadOnlyList<ScaleType> All { get; } =
    [
        // Scale times 6 bits times 4 bits, less minimum times 6 bits: 7.5 scales are a minimum.
        new("Q4_K", 12, 256, 144, [7.7e-5f, 7.7e-5f * 7.5f]),
        new("Q8_0", 8, 32, 34, [2.7e-4f]),
    ];

    /// <summary>Writes random blocks.</summary>
    public void WriteBlocks(BinaryWriter writer, long count, Random random)
    {
        var blocks = new byte[BlocksAtOnce * Bytes];
        for (long written = 0; written < count; written += BlocksAtOnce)
        {
            Span<byte> part = blocks.AsSpan(0, (int)Math.Min(BlocksAtOnce, count - written) * Bytes);
            random.NextBytes(part);
            for (int block = 0; block < part.Length; block += Bytes)
            {
                for (int scale = 0; scale < Scales.Length; scale++)
                    BitConverter.TryWriteBytes(part[(block + 2 * scale)..], (Half)Scales[scale]);
            }
            writer.Write(part);
        }
    }
}
