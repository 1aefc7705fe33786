using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>A base that this library computes itself. Owns its share.</summary>
internal sealed class BaseEngine : ITextEngine
{
    private readonly BaseLease _lease;
    private readonly FrozenBase _frozen;

    /// <param name="lease">The share.</param>
    public BaseEngine(BaseLease lease)
        : this(lease, lease.Base)
    {
    }

    private BaseEngine(BaseLease lease, FrozenBase frozen) => (_lease, _frozen) = (lease, frozen);

    /// <exception cref="System.ObjectDisposedException">The share was given back.</exception>
    public FrozenBase Base => _lease.Base;

    public string Name => _frozen.Origin.Name;

    public TransformerSpec Spec => _frozen.Model.Spec;

    public BaseIdentity Identity => _frozen.Identity;

    public PretrainedTokenizer Tokenizer => _frozen.Tokenizer;

    public IReadOnlyList<int> EndIds => _frozen.EndIds;

    public PrefixTensors Place(Prefix prefix)
    {
        _frozen.Check(prefix);
        return PrefixTensors.Make(prefix, _frozen.Model);
    }

    public IDecodingLoop OpenLoop(int lanes) => new DecodingLoop(_frozen.Model, lanes);

    public ITextEngine By(TextRules rules) => new BaseEngine(_lease, _frozen.By(rules));

    public ITextEngine Share() => new BaseEngine(_lease.Share());

    public void Dispose() => _lease.Dispose();
}
