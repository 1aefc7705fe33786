using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

/// <summary>Several safetensors files and an index that says which tensor lies in which. Owns the open files.</summary>
internal sealed class ShardedCheckpoint : ITensorSource
{
    /// <summary>Name of the index.</summary>
    public const string IndexFile = "model.safetensors.index.json";

    private readonly Dictionary<string, SafeTensorsFile> _shards = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafeTensorsFile> _tensors = new(StringComparer.Ordinal);

    private ShardedCheckpoint()
    {
    }

    public string Name => IndexFile;

    public IReadOnlyCollection<string> TensorNames => _tensors.Keys;

    /// <summary>Opens the index and every shard it names, and compares both.</summary>
    /// <exception cref="FormatException">The index or a shard is broken, or they contradict each other.</exception>
    /// <exception cref="FileNotFoundException">A shard is missing.</exception>
    public static ShardedCheckpoint Open(string folder)
    {
        IReadOnlyDictionary<string, string> map = ReadMap(Path.Combine(folder, IndexFile));
        var checkpoint = new ShardedCheckpoint();
        try
        {
            foreach ((string tensor, string shard) in map)
                checkpoint.Add(folder, tensor, shard);
            checkpoint.RefuseUnmapped(map);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    public TensorInfo Describe(string tensor) => Shard(tensor).Describe(tensor);

    public Tensor Read(string tensor, ScalarType type) => Shard(tensor).Read(tensor, type);

    public Tensor ReadFinite(string tensor, ScalarType type) => Shard(tensor).ReadFinite(tensor, type);

    public IStoredRows? OpenRows(string tensor, ScalarType type) => Shard(tensor).OpenRows(tensor, type);

    public string ContentHash() =>
        Checkpoints.ContentHash.Combine(_shards.Values.SelectMany(shard => shard.TensorHashes()));

    public void Dispose()
    {
        foreach (SafeTensorsFile shard in _shards.Values)
            shard.Dispose();
    }

    private SafeTensorsFile Shard(string tensor) => _tensors.TryGetValue(tensor, out SafeTensorsFile? shard) ? shard
        : throw new FormatException($"{IndexFile}: tensor {FileText.Quote(tensor)} is missing.");

    private void Add(string folder, string tensor, string shard)
    {
        string where = $"{IndexFile}: tensor {FileText.Quote(tensor)}";
        if (!_shards.TryGetValue(shard, out SafeTensorsFile? file))
        {
            if (!FileText.IsPlainName(shard))
            {
                throw new FormatException(
                    $"{where}: expected the plain file name of a shard, found {FileText.Quote(shard)}:"
                    + " a path may lead outside the folder.");
            }
            string path = Path.Combine(folder, shard);
            if (!File.Exists(path))
                throw new FileNotFoundException($"{where}: its shard {FileText.Quote(shard)} is not in '{folder}'.",
                    path);
            _shards.Add(shard, file = SafeTensorsFile.Open(path, $"{shard} (of {IndexFile})"));
        }
        if (!file.TensorNames.Contains(tensor))
            throw new FormatException(
                $"{where}: the index maps it to {FileText.Quote(shard)}, which does not hold it.");
        _tensors.Add(tensor, file);
    }

    private void RefuseUnmapped(IReadOnlyDictionary<string, string> map)
    {
        foreach ((string name, SafeTensorsFile shard) in _shards)
        {
            foreach (string tensor in shard.TensorNames.Order(StringComparer.Ordinal))
            {
                if (!map.TryGetValue(tensor, out string? mapped))
                    throw new FormatException(
                        $"{IndexFile}: tensor {FileText.Quote(tensor)} of {FileText.Quote(name)} is not in the index.");
                if (mapped != name)
                {
                    throw new FormatException($"{IndexFile}: tensor {FileText.Quote(tensor)}: expected in one shard,"
                        + $" found in {FileText.Quote(mapped)} and {FileText.Quote(name)}.");
                }
            }
        }
    }

    private static Dictionary<string, string> ReadMap(string path)
    {
        try
        {
            using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(path),
                new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (index.RootElement.ValueKind != JsonValueKind.Object
                || !index.RootElement.TryGetProperty("weight_map", out JsonElement map)
                || map.ValueKind != JsonValueKind.Object)
                throw new FormatException($"{IndexFile}: expected an object 'weight_map', found none.");
            var shards = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty tensor in map.EnumerateObject())
            {
                if (tensor.Value.ValueKind != JsonValueKind.String)
                    throw new FormatException(
                        $"{IndexFile}: weight_map, tensor {FileText.Quote(tensor.Name)}: expected a file name, found"
                            + $" {tensor.Value.ValueKind}.");
                shards.Add(tensor.Name, tensor.Value.GetString()!);
            }
            return shards;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new FormatException(
                $"{IndexFile}: expected JSON, found something else: {FileText.Quote(JsonFault.Text(fault))}", fault);
        }
    }
}
