using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Makes GGUF files for tests: keys as they are given, tensors of float32 with small values.</summary>
internal sealed class GgufBuilder
{
    private const int Alignment = 32;

    /// <summary>Keys and values: ushort, uint, int, float, bool, string, or a list of strings or ints.</summary>
    public Dictionary<string, object> Keys { get; } = [];

    /// <summary>Names and shapes, outermost axis first.</summary>
    public Dictionary<string, long[]> Tensors { get; } = [];

    /// <summary>Values of tensors, by name; others have small made-up ones.</summary>
    public Dictionary<string, float[]> Values { get; } = [];

    /// <summary>A whole Llama of one layer: width 8, two heads of 4, 16 tokens.</summary>
    public static GgufBuilder Llama()
    {
        var file = new GgufBuilder();
        file.Keys["general.architecture"] = "llama";
        foreach ((string key, uint value) in ((string, uint)[])[("context_length", 32), ("embedding_length", 8),
            ("block_count", 1),
            ("feed_forward_length", 12), ("attention.head_count", 2), ("attention.head_count_kv", 1),
                ("vocab_size", 16)])
            file.Keys[$"llama.{key}"] = value;
        file.Keys["llama.attention.layer_norm_rms_epsilon"] = 1e-5f;
        file.Keys["tokenizer.ggml.eos_token_id"] = 2u;
        file.Tensors["token_embd.weight"] = [16, 8];
        file.Tensors["output_norm.weight"] = [8];
        foreach ((string name, long[] shape) in ((string, long[])[])[("attn_norm", [8]), ("attn_q", [8, 8]),
            ("attn_k", [4, 8]),
            ("attn_v", [4, 8]), ("attn_output", [8, 8]), ("ffn_norm", [8]), ("ffn_gate", [12, 8]), ("ffn_up", [12, 8]),
                ("ffn_down", [8, 12])])
            file.Tensors[$"blk.0.{name}.weight"] = shape;
        return file;
    }

    /// <summary>The same with a byte-level tokenizer: two special tokens, a space and letters.</summary>
    public static GgufBuilder LlamaWithTokenizer(string? preTokenizer = "gpt-2")
    {
        GgufBuilder file = Llama();
        string[] tokens = ["<begin>", "<turn>", "<end>", "Ġ", .. "abcdefghijk".Select(letter => $"{letter}"), "ab"];
        file.Keys["tokenizer.ggml.model"] = "gpt2";
        if (preTokenizer is not null)
            file.Keys["tokenizer.ggml.pre"] = preTokenizer;
        file.Keys["tokenizer.ggml.tokens"] = tokens;
        file.Keys["tokenizer.ggml.token_type"] = Array.ConvertAll(tokens, token => token[0] == '<' ? 3 : 1);
        file.Keys["tokenizer.ggml.merges"] = (string[])["a b"];
        return file;
    }

    /// <summary>
    /// The file in parts, as llama-gguf-split makes them: all keys and the first tensors in the first.
    /// </summary>
    /// <param name="path">Where they go, without what tells them apart.</param>
    /// <param name="count">How many; tensors are dealt out in order.</param>
    /// <returns>Their paths.</returns>
    public string[] WriteParts(string path, int count)
    {
        int share = (Tensors.Count + count - 1) / count;
        var paths = new string[count];
        for (int number = 0; number < count; number++)
        {
            var part = new GgufBuilder();
            foreach ((string key, object value) in number == 0 ? Keys : [])
                part.Keys.Add(key, value);
            (part.Keys["split.no"], part.Keys["split.count"]) = ((ushort)number, (ushort)count);
            part.Keys["split.tensors.count"] = Tensors.Count;
            foreach ((string name, long[] shape) in Tensors.Skip(number * share).Take(share))
                part.Tensors.Add(name, shape);
            paths[number] = $"{path}-{number + 1:d5}-of-{count:d5}.gguf";
            File.WriteAllBytes(paths[number], part.Build().Bytes);
        }
        return paths;
    }

    /// <summary>The file, and where its data begins.</summary>
    public (byte[] Bytes, int Data) Build()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)Tensors.Count);
        writer.Write((long)Keys.Count);
        foreach ((string key, object value) in Keys)
        {
            GgufValues.Text(writer, key);
            GgufValues.Write(writer, value);
        }
        long offset = 0;
        foreach ((string name, long[] shape) in Tensors)
        {
            GgufValues.Text(writer, name);
            writer.Write(shape.Length);
            foreach (long axis in shape.Reverse())
                writer.Write(axis);
            writer.Write(0);
            writer.Write(offset);
            offset += Padded(Elements(shape) * sizeof(float));
        }
        int data = (int)Padded(stream.Length);
        writer.Write(new byte[data - stream.Length]);
        foreach ((string name, long[] shape) in Tensors)
        {
            float[]? values = Values.GetValueOrDefault(name);
            for (long i = 0; i < Padded(Elements(shape) * sizeof(float)) / sizeof(float); i++)
                writer.Write(values is null ? i % 7 / 8f : i < values.Length ? values[i] : 0);
        }
        return (stream.ToArray(), data);
    }

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, axis) => product * axis);

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
