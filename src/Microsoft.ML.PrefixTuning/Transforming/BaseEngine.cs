using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>A base that this library computes itself. Owns its share.</summary>
/// <param name="lease">The share.</param>
internal sealed class BaseEngine(BaseLease lease) : ITextEngine
{
    private readonly FrozenBase _frozen = lease.Base;

    /// <exception cref="System.ObjectDisposedException">The share was given back.</exception>
    public FrozenBase Base => lease.Base;

    public string Name => _frozen.Origin.Name;

    public TransformerSpec Spec => _frozen.Model.Spec;

    public PretrainedTokenizer Tokenizer => _frozen.Tokenizer;

    public IReadOnlyList<int> EndIds => _frozen.EndIds;

    public PrefixTensors Place(Prefix prefix)
    {
        _frozen.Check(prefix);
        return PrefixTensors.Make(prefix, _frozen.Model);
    }

    public IDecodingLoop OpenLoop() => new DecodingLoop(_frozen.Model);

    public ITextEngine Share() => new BaseEngine(lease.Share());

    public void Dispose() => lease.Dispose();
}
