using System;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// What every layer of a stack shares in one pass: positions, masks and rotations, made once from
/// <see cref="AttentionPlaces"/>. Its tensors belong to the dispose scope in which it is made.
/// </summary>
internal sealed class AttentionInput
{
    /// <summary>
    /// Numbers (16 MiB in float32) beyond which a mask of all queries and heads is not made: query heads go one after
    /// the other, or queries in parts. As many as a part has: a mask that is whole takes no more than one in parts.
    /// </summary>
    public const long MostMaskNumbers = MaskParts.MostNumbers;

    private AttentionInput(Tensor positions, AttentionMask full, AttentionMask window)
        => (Positions, FullMask, WindowMask) = (positions, full, window);

    /// <summary>[B, L], int64.</summary>
    public Tensor Positions { get; }

    /// <summary>What layers without a window do not see.</summary>
    public AttentionMask FullMask { get; }

    /// <summary>The same for layers with a window.</summary>
    public AttentionMask WindowMask { get; }

    /// <summary>Makes the shared input of a stack.</summary>
    /// <param name="places">Who sees whom.</param>
    /// <param name="stack">The stack; decides windows, query groups and relative bias.</param>
    /// <param name="relativeBias">[buckets, H] of the stack, or null.</param>
    /// <param name="type">Type of the computation.</param>
    /// <param name="device">Device of the computation.</param>
    /// <param name="mostMaskNumbers">Numbers of a mask beyond which it is not made at once.</param>
    public static AttentionInput Make(AttentionPlaces places, StackSpec stack, Tensor? relativeBias, ScalarType type,
        Device device, long mostMaskNumbers = MostMaskNumbers)
    {
        Tensor positions = tensor(places.QueryPosition, [places.Rows, places.Queries], device: device);
        int[] windows = stack.Windows.OfType<int>().Distinct().ToArray();
        if (windows.Length > 1)
        {
            throw new NotSupportedException("sliding_window: one window for all windowed layers is supported,"
                + $" found {string.Join(", ", windows)}.");
        }
        return new(positions, Mask(null), windows.Length == 0 ? default : Mask(windows[0]));

        AttentionMask Mask(int? window) =>
            AttentionMask.Of(places, new MaskRule(stack, window, relativeBias, type, device), mostMaskNumbers);
    }

    /// <summary>The mask of a layer.</summary>
    public AttentionMask MaskOf(StackSpec stack, int layer) => stack.Window(layer) is null ? FullMask : WindowMask;
}
