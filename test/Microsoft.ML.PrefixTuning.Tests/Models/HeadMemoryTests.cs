using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.AttentionTrial;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>What a memory outside of the softmax adds to a layer's attention.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class HeadMemoryTests
{
    private const int Rows = 2, Size = 8, Width = Heads * Size;

    /// <summary>With a mask, with heads apart, in parts, and for one token a row; shared or a row's own.</summary>
    [TestMethod]
    [DataRow(6, "", long.MaxValue, false)]
    [DataRow(6, "", long.MaxValue, true)]
    [DataRow(6, "", 0L, false)]
    [DataRow(6, "cap", 0L, true)]
    [DataRow(1, "", long.MaxValue, false)]
    public void Self_WithAMemory_AddsItToWhatEachHeadMixed(int tokens, string kind, long mostNumbers, bool isOwn)
    {
        using var scope = new TensorScope();
        StackSpec spec = OfKind(kind);
        AttentionPlaces places = TokenPlaces.Causal([.. Enumerable.Repeat(new RowState(0, 0, tokens), Rows)], tokens, 0,
            tokens, PrefixConvention.Memory);
        var input = AttentionInput.Make(places, spec, null, ScalarType.Float32, CPU, mostNumbers);
        (float[] frequencies, double factor) = Rotary.Frequencies(((RotaryPositions)spec.Positions).Full);
        int keys = spec.Heads.KeyValueCount * Size;
        Tensor x = Normal(1, Rows, tokens, Width), query = Normal(2, Width, Width), output = Normal(5, Width, Width);
        // Of layers 0 and 1.
        Tensor memory = isOwn ? Normal(6, 2, 1, Rows, Heads, Size, Size) : Normal(6, 2, 1, Heads, Size, Size);
        var plain = new AttentionWeights(Map(query), Map(Normal(3, keys, Width)), Map(Normal(4, keys, Width)),
            Map(eye(Width)), null, null);
        var pass = new AttentionPass(AttentionSite.Decoder, 1, spec, plain,
            Rotary.Angles(input.Positions, tensor(frequencies), factor, ScalarType.Float32), input.MaskOf(spec, 1),
            NoMemory.Instance);
        Tensor mixed = Attention.Self(x, pass);

        Tensor found = Attention.Self(x, pass with
        {
            Weights = plain with { Output = Map(output) },
            Memory = new PrefixMemory(new SitePrefixes(
                new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = memory }, PrefixConvention.Memory)),
        });

        // Each head's queries as they are before a token's place rotates them.
        Tensor queries = x.matmul(query.t()).view(Rows, tokens, Heads, Size);
        Tensor added = cat([.. Enumerable.Range(0, Rows).Select(row =>
            Plain(queries.narrow(0, row, 1), isOwn ? memory[1, 0, row] : memory[1, 0]))], Axis.Row);
        Near((mixed + added).matmul(output.t()), found);
    }

    [TestMethod]
    [DataRow(2, 16, nameof(ScalarType.Float32))]
    [DataRow(3, 6, nameof(ScalarType.Float32))]
    [DataRow(3, 20, nameof(ScalarType.BFloat16))]
    [DataRow(9, 64, nameof(ScalarType.BFloat16))]
    [DataRow(5, 80, nameof(ScalarType.Float32))]
    public void Take_OfRowsOfSeveralMemories_IsEachRowsInAnyCompany(int heads, int size, string type)
    {
        using var scope = new TensorScope();
        Tensor one = Normal(1, heads, size, size).to(System.Enum.Parse<ScalarType>(type));
        Tensor other = Normal(2, heads, size, size).to(one.dtype);
        Tensor?[] memories = [one, one, null, other, one, one, one, one, one, other, other];
        Tensor queries = Normal(3, memories.Length, 1, heads, size);

        Tensor found = Take(queries, memories), paired = TokenRecall.Take<PairedLanes>(queries,
            [.. memories.Select(Start)], one.dtype == ScalarType.BFloat16);

        AreSame(found, paired);
        for (int row = 0; row < memories.Length; row++)
        {
            Tensor own = queries.narrow(0, row, 1), ofRow = found.narrow(0, row, 1);
            AreSame(Take(own, [memories[row]]), ofRow);
            Near(memories[row] is { } memory ? Plain(own, memory.to(ScalarType.Float32)) : zeros_like(ofRow), ofRow);
        }

        static Tensor Take(Tensor queries, Tensor?[] memories) => TokenRecall.Take(queries,
            [.. memories.Select(Start)], memories[0]?.dtype == ScalarType.BFloat16);

        static unsafe nint Start(Tensor? memory) =>
            memory is null ? 0 : (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(
                ref MemoryMarshal.GetReference(memory.bytes));
    }

    /// <summary>elu(q)^T M, head by head: [B, L, H, D] and [H, D, D] to [B, L, H * D].</summary>
    private static Tensor Plain(Tensor queries, Tensor memory)
    {
        Tensor mapped = queries.where(queries.gt(Scalars.Real(0)), queries.expm1());
        return cat([.. Enumerable.Range(0, (int)queries.size(Axis.Key))
            .Select(head => mapped.select(Axis.Key, head).matmul(memory[head]))], Axis.Last);
    }

    private static Linear Map(Tensor weight) => new(new WideMatrix(weight), null);
}
