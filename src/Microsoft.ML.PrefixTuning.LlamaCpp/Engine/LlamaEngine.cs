using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Transforming;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>A base that llama.cpp computes. Owns its share of the model.</summary>
/// <param name="model">The model; one use of it becomes this engine's.</param>
internal sealed class LlamaEngine(LlamaModel model) : ITextEngine
{
    private int _isDisposed;

    public string Name => BaseLocator.NameOf(model.Description.Path);

    public TransformerSpec Spec => model.Spec;

    public PretrainedTokenizer Tokenizer => model.Description.Tokenizer;

    public IReadOnlyList<int> EndIds => model.Description.EndIds;

    public PrefixTensors Place(Prefix prefix)
    {
        model.Prepare(prefix);
        return PrefixTensors.Make(prefix, Spec, ScalarType.Float32, CPU);
    }

    public IDecodingLoop OpenLoop() => new LlamaLoop(model);

    public ITextEngine Share()
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        return new LlamaEngine(model.Share());
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            model.Release();
    }
}
