using System.Collections.Generic;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The weights of a base in bfloat16 as one new token a row takes them: small tensors in float32, matrices as
/// <see cref="StepMatrix"/>. What a decoder reads no more once its source is encoded stays as it is.
/// </summary>
internal sealed class StepWeights
{
    private readonly Dictionary<FrozenMatrix, FrozenMatrix> _made = [];
    private readonly List<Tensor> _owned = [];
    private readonly StepForm _form;

    private StepWeights(StepForm form) => _form = form;

    /// <summary>Makes them of the base's, which must outlive them.</summary>
    /// <param name="weights">The base's weights, on the CPU.</param>
    /// <param name="form">How products are made.</param>
    /// <returns>Weights that own what was made, and nothing of the base's.</returns>
    public static ModelWeights Of(ModelWeights weights, StepForm form)
    {
        var made = new StepWeights(form);
        try
        {
            return made.Of(weights);
        }
        catch
        {
            foreach (Tensor tensor in made._owned)
                tensor.Dispose();
            throw;
        }
    }

    private ModelWeights Of(ModelWeights weights) => new(_owned)
    {
        // Single rows alone are taken of it.
        Embedding = new RoundedMatrix(weights.Embedding),
        Head = Of(weights.Head),
        HeadBias = Wide(weights.HeadBias),
        Decoder = Of(weights.Decoder),
        Encoder = weights.Encoder,
        Ignored = weights.Ignored,
        Numbers = weights.Numbers,
    };

    private StackWeights Of(StackWeights stack) => stack with
    {
        Blocks = [.. stack.Blocks.Select(block => Of(block))],
        Positions = Wide(stack.Positions),
        RelativeBias = Wide(stack.RelativeBias),
        ProjectIn = OfOptional(stack.ProjectIn),
        ProjectOut = OfOptional(stack.ProjectOut),
    };

    private BlockWeights Of(BlockWeights block) => block with
    {
        Attention = Of(block.Attention) with { Key = Of(block.Attention.Key), Value = Of(block.Attention.Value) },
        Cross = block.Cross is null ? null : Of(block.Cross),
        Gate = OfOptional(block.Gate),
        Up = Of(block.Up),
        Down = Of(block.Down),
        Adapter = block.Adapter is null ? null
            : new BottleneckAdapter(Of(block.Adapter.Down), Of(block.Adapter.Up)),
    };

    // But for keys and values, which cross-attention has from the encoder.
    private AttentionWeights Of(AttentionWeights attention) => attention with
    {
        Query = Of(attention.Query),
        Output = Of(attention.Output),
    };

    private Linear? OfOptional(Linear? linear) => linear is null ? null : Of(linear);

    private Linear Of(Linear linear) => new(Of(linear.Weight), Wide(linear.Bias));

    private FrozenMatrix Of(FrozenMatrix matrix)
    {
        if (!_made.TryGetValue(matrix, out FrozenMatrix? made))
        {
            made = _form == StepForm.Rows && RowMatrix.Suits(matrix) ? new RowMatrix(matrix)
                : new RoundedMatrix(matrix);
            _made.Add(matrix, made);
        }
        return made;
    }

    private Tensor? Wide(Tensor? numbers) => numbers is null || numbers.dtype == ScalarType.Float32 ? numbers
        : Own(numbers.to(ScalarType.Float32));

    private Tensor Own(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }
}
