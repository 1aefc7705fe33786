using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// How long a base of SmolLM2-135M's shape takes from safetensors, in its parts, beside plain reading of memory.
/// </summary>
internal static class SafeTensorsLoadBenchmark
{
    private const int Layers = 30, Width = 576, Inner = 1536, KeyValueWidth = 192, Vocabulary = 49152;

    private const string Config = """
        {"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,"num_hidden_layers":30,
        "num_attention_heads":9,"num_key_value_heads":3,"max_position_embeddings":8192,"rms_norm_eps":1e-5,
        "rope_theta":100000,"tie_word_embeddings":true,"hidden_act":"silu","torch_dtype":"bfloat16"}
        """;

    /// <summary>Writes a model file, loads it and prints times in seconds.</summary>
    public static void Run()
    {
        string folder = Directory.CreateTempSubdirectory("load-benchmark-").FullName;
        try
        {
            string file = Path.Combine(folder, CheckpointFolder.SingleFile);
            File.WriteAllText(Path.Combine(folder, "config.json"), Config);
            Write(file);
            byte[] bytes = File.ReadAllBytes(file);
            Console.WriteLine($"safetensors, bfloat16, {bytes.Length / 1e6:F0} MB");
            using Tensor memory = from_file(file, shared: false, size: bytes.Length, dtype: ScalarType.Byte);
            double read = Best(() => memory.max().Dispose());
            double touch = Best(() => ReadFresh(file, bytes.Length));
            double check = Best(() => CheckAll(file));
            Console.WriteLine(
                $"read a map {read:F3} s ({bytes.Length / read / 1e9:F1} GB/s); read a fresh map, with its page"
                    + $" faults, {touch:F3} s ({bytes.Length / touch / 1e9:F1} GB/s)");
            Console.WriteLine($"open, map and finite check {check:F3} s ({bytes.Length / check / 1e9:F1} GB/s)");
            double first = Seconds(() => Load(folder, ScalarType.BFloat16));
            Console.WriteLine($"load with content hash (once a file) {first:F3} s");
            Console.WriteLine($"load bfloat16 {Best(() => Load(folder, ScalarType.BFloat16)):F3} s");
            Console.WriteLine($"load as float32 {Best(() => Load(folder, ScalarType.Float32)):F3} s");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Load(string folder, ScalarType type) => FrozenBase.Load(folder, type, CPU).Dispose();

    private static void ReadFresh(string path, long length)
    {
        using Tensor memory = from_file(path, shared: false, size: length, dtype: ScalarType.Byte),
            largest = memory.max();
    }

    private static void CheckAll(string path)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        foreach (string name in file.TensorNames)
        {
            using Tensor tensor = file.ReadStored(name);
            if (!FiniteCheck.AllFinite(tensor))
                throw new InvalidOperationException("The file of the benchmark is not finite.");
        }
    }

    private static void Write(string path)
    {
        using var scope = NewDisposeScope();
        using var stream = new FileStream(path, FileMode.Create);
        (string, long[])[] block =
        [
            ("input_layernorm.weight", [Width]), ("post_attention_layernorm.weight", [Width]),
            ("self_attn.q_proj.weight", [Width, Width]), ("self_attn.k_proj.weight", [KeyValueWidth, Width]),
            ("self_attn.v_proj.weight", [KeyValueWidth, Width]), ("self_attn.o_proj.weight", [Width, Width]),
            ("mlp.gate_proj.weight", [Inner, Width]), ("mlp.up_proj.weight", [Inner, Width]),
                ("mlp.down_proj.weight", [Width, Inner]),
        ];
        var all = Enumerable.Range(0, Layers)
            .SelectMany(layer => block.Select(part => ($"model.layers.{layer}.{part.Item1}", part.Item2)))
            .Append(("model.norm.weight", [Width])).Append(("model.embed_tokens.weight", [Vocabulary, Width]));
        SafeTensorsWriter.Write(stream,
            all.Select(one => SafeTensorsContent.Of(one.Item1, ones(one.Item2, ScalarType.BFloat16))));
    }

    private static double Best(Action action)
    {
        action();
        return Enumerable.Range(0, 5).Min(_ => Seconds(action));
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
