using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>
/// One folder of golden values: a model, adapters, tensors and numbers. Its tensors live until it is disposed.
/// </summary>
internal sealed class FamilyCase : IDisposable
{
    private readonly SafeTensorsFile _tensors;
    private readonly JsonDocument _numbers;

    public FamilyCase(string folder)
    {
        Folder = folder;
        _tensors = SafeTensorsFile.Open(Path.Combine(folder, "tensors.safetensors"));
        _numbers = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")));
    }

    public string Folder { get; }

    public JsonElement Numbers => _numbers.RootElement;

    /// <summary>Folders of golden cases; empty where there are none.</summary>
    public static IEnumerable<string> Folders => Fixtures.Families.SelectMany(Directory.GetDirectories)
        .Where(folder => File.Exists(Path.Combine(folder, "case.json"))).GroupBy(folder => Path.GetFileName(folder))
        // A name that several folders have stands for the first, the others for themselves.
        .SelectMany(same => same.Skip(1).Prepend(same.Key)).Order(StringComparer.Ordinal);

    public static FamilyCase Open(string name) => new(Fixtures.Family(name));

    /// <summary>Whether a case has a file or folder.</summary>
    public static bool HasFile(string name, string part) => Path.Exists(Path.Combine(Fixtures.Family(name), part));

    /// <summary>The base, from its folder or from the GGUF file.</summary>
    public FrozenBase LoadBase(string from = "model") =>
        FrozenBase.Load(Path.Combine(Folder, from), ScalarType.Float32, CPU);

    public bool Has(string tensor) => _tensors.TensorNames.Contains(tensor);

    /// <summary>A golden tensor in its stored type; the caller's.</summary>
    public Tensor Stored(string tensor) => _tensors.ReadStored(tensor);

    /// <summary>A golden tensor of whole numbers as rows.</summary>
    public long[][] Rows(string tensor)
    {
        using Tensor stored = Stored(tensor);
        long width = stored.shape[^1];
        return stored.to(ScalarType.Int64).data<long>().ToArray().Chunk((int)width).ToArray();
    }

    /// <summary>The prefix of PEFT's rows: K of layer 0, V of layer 0, K of layer 1, ..., each [G, D].</summary>
    public static Prefix FromPeftRows(Tensor rows, TransformerSpec spec, PrefixConvention convention)
    {
        HeadShape heads = spec.Decoder.Heads;
        int length = (int)rows.size(0), layers = spec.Decoder.Layers;
        using Tensor packed =
            rows.view(length, layers, 2, heads.KeyValueCount, heads.Size).permute(1, 2, 3, 0, 4).contiguous();
        var part = new SitePrefix(layers, heads.KeyValueCount, length, heads.Size, packed.data<float>().ToArray());
        return new Prefix([new(AttentionSite.Decoder, part)], convention);
    }

    /// <summary>The golden infix.</summary>
    public Prefix Infix(TransformerSpec spec)
    {
        HeadShape heads = spec.Decoder.Heads;
        using var scope = NewDisposeScope();
        Tensor all = stack([.. Enumerable.Range(0, spec.Decoder.Layers).Select(layer =>
            stack([Stored($"infix.{layer}.key"), Stored($"infix.{layer}.value")]))]);
        var part = new SitePrefix(spec.Decoder.Layers, heads.KeyValueCount, (int)all.size(3), heads.Size,
            all.data<float>().ToArray());
        return new Prefix([new(AttentionSite.Decoder, part)], PrefixConvention.Infix);
    }

    public void Dispose()
    {
        _tensors.Dispose();
        _numbers.Dispose();
    }
}
