using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>The first layer of a GGUF file's model alone, as a source of tensors. Owns the file.</summary>
internal sealed class FirstLayer : ITensorSource
{
    private const string Head = "output.weight", First = "blk.0.", Layer = "blk.";

    private readonly GgufModel _gguf;
    private readonly HashSet<string> _names;

    private FirstLayer(GgufModel gguf)
    {
        _gguf = gguf;
        _names = [.. gguf.TensorNames.Where(name => name != Head && (name.StartsWith(First, StringComparison.Ordinal)
            || !name.StartsWith(Layer, StringComparison.Ordinal)))];
    }

    public string Name => _gguf.Name;

    public IReadOnlyCollection<string> TensorNames => _names;

    /// <summary>What this library's graph keeps of some tokens in the first layer.</summary>
    /// <param name="path">The file.</param>
    /// <param name="ids">The tokens, at positions 0 to P - 1.</param>
    /// <returns>[2 (key, value), G, P, D].</returns>
    public static float[] KeysAndValues(string path, int[] ids)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var source = new FirstLayer(GgufModel.Open(path));
        TransformerSpec whole = source._gguf.Spec;
        TransformerSpec spec = whole with
        {
            Head = new OutputHead(Tied: true),
            Decoder = whole.Decoder with { Layers = 1, Windows = [.. whole.Decoder.Windows.Take(1)] },
        };
        using var model = new LanguageModel(spec,
            WeightBinder.Bind(spec, source._gguf.Names, source, ScalarType.Float32, CPU, MatrixForm.AsStored));
        Tensor embedded = model.Embed(TokenRows.Pad([ids], CPU).Ids);
        return KeyValueCapture.OfPrompt(model, embedded).data<float>().ToArray();
    }

    public TensorInfo Describe(string tensor) => _gguf.Describe(tensor);

    public Tensor Read(string tensor, ScalarType type) => _gguf.Read(tensor, type);

    public Tensor ReadFinite(string tensor, ScalarType type) => _gguf.ReadFinite(tensor, type);

    public IStoredRows? OpenRows(string tensor, ScalarType type) => _gguf.OpenRows(tensor, type);

    public string ContentHash() => _gguf.ContentHash();

    public void Dispose() => _gguf.Dispose();
}
