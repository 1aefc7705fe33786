using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Transforming;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>A base that llama.cpp computes. Owns its share of the model.</summary>
/// <param name="model">The model; one use of it becomes this engine's.</param>
/// <param name="texts">What the file says, by the rules of texts here.</param>
internal sealed class LlamaEngine(LlamaModel model, LlamaBase texts) : ITextEngine
{
    private int _isDisposed;

    /// <param name="model">The model; one use of it becomes this engine's.</param>
    public LlamaEngine(LlamaModel model)
        : this(model, model.Description)
    {
    }

    public string Name => BaseLocator.NameOf(texts.Path);

    public TransformerSpec Spec => texts.Spec;

    public BaseIdentity Identity => model.Identity;

    public PretrainedTokenizer Tokenizer => texts.Tokenizer;

    public IReadOnlyList<int> EndIds => texts.EndIds;

    public PrefixTensors Place(Prefix prefix)
    {
        model.Prepare(prefix);
        return PrefixTensors.Make(prefix, Spec, ScalarType.Float32, CPU);
    }

    public IDecodingLoop OpenLoop(int lanes) => new LlamaLoop(model);

    public ITextEngine By(TextRules rules) => new LlamaEngine(model, texts.By(rules));

    public ITextEngine Share()
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        return new LlamaEngine(model.Share(), texts);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            model.Release();
    }
}
