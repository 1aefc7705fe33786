using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>Does with a hostile case what its kind asks for: the one place that knows the kinds.</summary>
internal static class HostileTrial
{
    private const string Sample = "The Eagle: Quay 7, a <b>.";

    private static readonly int[][] Rows = [[1, 2, 3, 4, 5], [6, 7, 8]];

    /// <summary>Tries a case.</summary>
    /// <param name="hostile">The case.</param>
    /// <param name="frozen">Its good base, where it names one.</param>
    public static void Run(HostileCase hostile, FrozenBase? frozen)
    {
        switch (hostile.Kind)
        {
            case "safetensors" when File.Exists(hostile.Path):
                ReadEveryTensor(hostile.Path);
                break;
            case "safetensors" or "sharded" or "config":
                using (FrozenBase own = FrozenBase.Load(hostile.Path, ScalarType.Float32, CPU))
                    RunForward(own, prefix: null);
                break;
            case "gguf":
                RunGguf(hostile.Path);
                break;
            case "peft-adapter":
                RunForward(frozen!, PeftAdapter.Import(hostile.Path, frozen!.Model));
                break;
            case "tokenizer":
                RunTokenizer(hostile.Path);
                break;
            case "data":
                RunData(hostile, frozen!);
                break;
            default:
                Assert.Fail($"The kind {hostile.Kind} is not known here.");
                break;
        }
    }

    private static void ReadEveryTensor(string path)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        foreach (string name in file.TensorNames)
        {
            using Tensor tensor = file.ReadStored(name);
            CollectionAssert.AreEqual(file.Describe(name).Shape, tensor.shape);
        }
    }

    private static void RunForward(FrozenBase frozen, Prefix? prefix)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor logits = LogitsTests.Run(frozen.Model, Rows, prefix);
        Assert.IsTrue(FiniteCheck.AllFinite(logits), "The forward pass gives numbers that are not finite.");
    }

    private static void RunGguf(string path)
    {
        using FrozenBase frozen = FrozenBase.Load(path, ScalarType.Float32, CPU);
        using (GgufFile file = GgufFile.Open(path))
            PretrainedTokenizer.FromGguf(file.Metadata, file.Name, frozen.Model.Spec.VocabularySize).Encode(Sample);
        RunForward(frozen, prefix: null);
    }

    private static void RunTokenizer(string folder)
    {
        ModelConfig config = ModelConfig.Read(Path.Combine(folder, "config.json"));
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(folder, config.Count("vocab_size"));
        Assert.AreEqual(Sample, tokenizer.Decode(tokenizer.Encode(Sample)));
    }

    private static void RunData(HostileCase hostile, FrozenBase frozen)
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(hostile.Base!, frozen.Model.Spec.VocabularySize);
        string[] sources = [.. File.ReadLines(hostile.Path).Select(Source)];
        int[][] ids = [.. sources.Select(tokenizer.Encode)];
        if (hostile.PlainIds is not { } expected)
            return;
        for (int row = 0; row < ids.Length; row++)
            CollectionAssert.AreEqual(expected[row], ids[row], $"row {row}");
    }

    /// <summary>
    /// The source of a JSON line. .NET's own readers refuse lone surrogates, which a column may hold all the same.
    /// </summary>
    private static string Source(string line)
    {
        using JsonDocument row = JsonDocument.Parse(line);
        string raw = row.RootElement.GetProperty("source").GetRawText()[1..^1];
        return Regex.Replace(raw, @"\\(?:u([0-9a-fA-F]{4})|(.))", match => match.Groups[1].Success
            ? ((char)int.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString()
            : match.Groups[2].Value switch
            {
                "n" => "\n",
                "r" => "\r",
                "t" => "\t",
                "b" => "\b",
                "f" => "\f",
                var other => other,
            });
    }
}
