using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// A GGUF file as a model: its keys as a config of the family, its tensors under GGUF's own names, with rows in the
/// order that the graph wants.
/// </summary>
internal sealed class GgufModel : ITensorSource
{
    private const string RotaryDivisors = "rope_freqs.weight";

    private readonly GgufFile _file;

    private GgufModel(GgufFile file, TransformerSpec spec, TensorNames names, GgufArchitecture architecture) =>
        (_file, Spec, Names, Architecture) = (file, spec, names, architecture);

    public TransformerSpec Spec { get; }

    /// <summary>How llama.cpp calls it.</summary>
    public GgufArchitecture Architecture { get; }

    public TensorNames Names { get; }

    public string Name => _file.Name;

    /// <summary>All tokens that end a text; of them only the first is the spec's.</summary>
    public IReadOnlyList<int> EndIds => new GgufTokenIds(_file, Spec.VocabularySize).Ends;

    public IReadOnlyCollection<string> TensorNames => _file.TensorNames;

    /// <inheritdoc cref="GgufFile.Alignment"/>
    public uint Alignment => _file.Alignment;

    /// <summary>Opens a file and describes its model; weights are read later.</summary>
    /// <exception cref="FormatException">A key is missing or has no good value.</exception>
    /// <exception cref="NotSupportedException">The architecture or a rotary scaling is not read here.</exception>
    public static GgufModel Open(string path)
    {
        GgufFile file = GgufFile.Open(path);
        try
        {
            GgufArchitecture architecture = GgufArchitecture.Of(file);
            ModelConfig config = GgufConfig.Of(architecture, file);
            TransformerSpec spec = Family.Of(config).Describe(config);
            spec = WithWholeNorms(WithRotaryDivisors(spec, file));
            return new GgufModel(file, spec, GgufArchitecture.Names(spec, file), architecture);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public TensorInfo Describe(string tensor) => _file.Describe(tensor);

    /// <summary>
    /// Reads a tensor. llama.cpp stores the query and key rows of a head of Llama as interleaved pairs; they are put
    /// back into rotate-half order while they are read.
    /// </summary>
    public Tensor Read(string tensor, ScalarType type)
    {
        if (IsInterleaved(tensor) && tensor.EndsWith(".bias", StringComparison.Ordinal))
        {
            using var scope = NewDisposeScope();
            return _file.Read(tensor, type).view(-1, Spec.Decoder.Heads.Size / 2, 2).transpose(1, 2).reshape(-1)
                .MoveToOuterDisposeScope();
        }
        return _file.Read(tensor, type, RowOrder(tensor));
    }

    public Tensor ReadFinite(string tensor, ScalarType type) => Read(tensor, type);

    /// <summary>The rows of a matrix, left in the file, in the order in which <see cref="Read"/> gives them.</summary>
    public IStoredRows OpenRows(string tensor, ScalarType type) => _file.OpenRows(tensor, type, RowOrder(tensor));

    public string ContentHash() => _file.ContentHash();

    public void Dispose() => _file.Dispose();

    private bool IsInterleaved(string tensor) => Architecture.RotatesInterleaved
        && (tensor.Contains(".attn_q.", StringComparison.Ordinal)
            || tensor.Contains(".attn_k.", StringComparison.Ordinal));

    private Func<int, int>? RowOrder(string tensor)
    {
        if (!IsInterleaved(tensor))
            return null;
        int size = Spec.Decoder.Heads.Size;
        return row => row / size * size + Interleaved(row % size, size);
    }

    // Row r of a rotate-half head is row 2 * (r mod half) + r / half of the file's head.
    private static int Interleaved(int row, int size) => row % (size / 2) * 2 + row / (size / 2);

    // llama.cpp's files hold the weights of norms themselves, also where the family's own checkpoints hold them less 1.
    private static TransformerSpec WithWholeNorms(TransformerSpec spec) =>
        spec.Decoder.Norm.Kind != NormKind.RootMeanSquareOfOnePlus ? spec : spec with
        {
            Decoder = spec.Decoder with { Norm = spec.Decoder.Norm with { Kind = NormKind.RootMeanSquare } },
        };

    private static TransformerSpec WithRotaryDivisors(TransformerSpec spec, GgufFile file)
    {
        if (!file.TensorNames.Contains(RotaryDivisors) || spec.Decoder.Positions is not RotaryPositions rotary)
            return spec;
        if (rotary.Full.Scaling is not NoScaling)
            throw new FormatException(
                $"{file.Name}: tensor '{RotaryDivisors}' and a rope.scaling.type: expected one of them, found both.");
        var scaling = new DivisorScaling(Divisors(file, rotary.Full.RotatedSize / 2));
        return spec with
        {
            Decoder = spec.Decoder with { Positions = rotary with { Full = rotary.Full with { Scaling = scaling } } },
        };
    }

    private static float[] Divisors(GgufFile file, int pairs)
    {
        TensorInfo info = file.Describe(RotaryDivisors);
        if (info.Shape is not [var count] || count != pairs)
            throw new FormatException(
                $"{file.Name}: tensor '{RotaryDivisors}': expected shape [{pairs}], found "
                + $"[{string.Join(", ", info.Shape)}].");
        using Tensor read = file.Read(RotaryDivisors, ScalarType.Float32);
        float[] divisors = read.data<float>().ToArray();
        return divisors.All(divisor => divisor > 0) ? divisors
            : throw new FormatException(
                $"{file.Name}: tensor '{RotaryDivisors}': expected numbers above 0, found {divisors.Min()}.");
    }
}
