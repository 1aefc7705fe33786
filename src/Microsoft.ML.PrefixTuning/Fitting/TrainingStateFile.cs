using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// A training's state as one safetensors file: tensors, the rest as JSON in its metadata, and a checksum over
/// everything.
/// </summary>
/// <param name="path">Where it lies.</param>
internal sealed class TrainingStateFile(string path) : ITrainingStateFile
{
    private const string StateKey = "prefix-tuning.training-state";
    private const string ChecksumKey = "prefix-tuning.sha256";

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    public void Probe() => AtomicFile.CheckWritable(Path);

    public StateContent? Read()
    {
        if (!File.Exists(Path))
            return null;
        using SafeTensorsFile file = Open();
        if (!file.Metadata.TryGetValue(StateKey, out string? json)
            || !file.Metadata.TryGetValue(ChecksumKey, out string? saved))
            throw Another($"safetensors without the metadata '{StateKey}' and '{ChecksumKey}'", null);
        using var scope = NewDisposeScope();
        var content = new StateContent(json, file.TensorNames.ToDictionary(name => name, name => new StateTensor(
            file.Describe(name).Shape, file.Read(name, ScalarType.Float32).contiguous().data<float>().ToArray())));
        string found = Checksum(content);
        return found == saved ? content
            : throw new FormatException(
                $"{file.Name}: checksum: expected {FileText.Quote(saved)}, found '{found}'. The file was altered;"
                    + " remove it to start anew.");
    }

    public void Write(StateContent content)
    {
        var metadata = new Dictionary<string, string> { [StateKey] = content.Json, [ChecksumKey] = Checksum(content) };
        AtomicFile.Write(Path, stream => SafeTensorsWriter.Write(stream,
            content.Tensors.Select(tensor =>
                SafeTensorsContent.Of(tensor.Key, tensor.Value.Shape, tensor.Value.Values)), metadata));
    }

    private SafeTensorsFile Open()
    {
        if (FileHint.IsSavedModel(Path))
            throw Another("a saved model.", null);
        try
        {
            return SafeTensorsFile.Open(Path);
        }
        catch (Exception fault) when (fault is FormatException or NotSupportedException)
        {
            throw Another(fault.Message, fault);
        }
    }

    private FormatException Another(string found, Exception? fault) => new(
        $"'{Path}': expected the state of a training, or no file, found another one, which is untouched: {found}",
        fault);

    private static string Checksum(StateContent content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(content.Json));
        foreach ((string name, StateTensor tensor) in content.Tensors.OrderBy(tensor =>
            tensor.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{name}[{string.Join(",", tensor.Shape)}]"));
            hash.AppendData(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
