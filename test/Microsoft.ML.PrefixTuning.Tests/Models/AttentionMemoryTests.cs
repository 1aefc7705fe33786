using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.AttentionTrial;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>What a memory of the weights adds to a layer's attention.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class AttentionMemoryTests
{
    private const int Rows = 2, Size = 8, Width = Heads * Size;

    /// <summary>With a mask, with heads apart, in parts, and for one token a row.</summary>
    [TestMethod]
    [DataRow(6, "", long.MaxValue)]
    [DataRow(6, "", 0L)]
    [DataRow(6, "cap", 0L)]
    [DataRow(1, "", long.MaxValue)]
    public void Self_WithAMemory_AddsItToWhatEachHeadMixed(int tokens, string kind, long mostNumbers)
    {
        using var scope = new TensorScope();
        StackSpec spec = OfKind(kind);
        AttentionPlaces places = TokenPlaces.Causal([.. Enumerable.Repeat(new RowState(0, 0, tokens), Rows)], tokens, 0,
            tokens, PrefixConvention.DecoderOnly);
        var input = AttentionInput.Make(places, spec, null, ScalarType.Float32, CPU, mostNumbers);
        (float[] frequencies, double factor) = Rotary.Frequencies(((RotaryPositions)spec.Positions).Full);
        int keys = spec.Heads.KeyValueCount * Size;
        Tensor x = Normal(1, Rows, tokens, Width), query = Normal(2, Width, Width), output = Normal(5, Width, Width);
        Tensor memory = Normal(6, Heads, Size, Size);
        var plain = new AttentionWeights(Map(query), Map(Normal(3, keys, Width)), Map(Normal(4, keys, Width)),
            Map(eye(Width)), null, null);
        var pass = new AttentionPass(AttentionSite.Decoder, 0, spec, plain,
            Rotary.Angles(input.Positions, tensor(frequencies), factor, ScalarType.Float32), input.MaskOf(spec, 0),
            NoMemory.Instance);
        Tensor mixed = Attention.Self(x, pass);

        Tensor found = Attention.Self(x, pass with
        {
            Weights = plain with { Output = Map(output), Memory = memory },
        });

        // Each head's queries as they are before a token's place rotates them.
        Tensor queries = x.matmul(query.t()).view(Rows, tokens, Heads, Size);
        Tensor mapped = queries.where(queries.gt(Scalars.Real(0)), queries.expm1());
        Tensor added = cat([.. Enumerable.Range(0, Heads)
            .Select(head => mapped.select(Axis.Key, head).matmul(memory[head]))], Axis.Last);
        Near((mixed + added).matmul(output.t()), found);
    }

    private static Linear Map(Tensor weight) => new(new WideMatrix(weight), null);
}
