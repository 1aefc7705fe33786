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
    // Finite, so that a row which sees nothing (padding) stays finite too; exp of it is an exact 0.
    private const float Invisible = -1e30f;

    private AttentionInput(Tensor positions, Tensor? fullMask, Tensor? windowMask)
        => (Positions, FullMask, WindowMask) = (positions, fullMask, windowMask);

    /// <summary>[B, L], int64.</summary>
    public Tensor Positions { get; }

    /// <summary>Added to scores, [B, 1 or G, R * L, S]; null where every query sees every key.</summary>
    public Tensor? FullMask { get; }

    /// <summary>The same for layers with a window; null where no layer has one or it hides nothing more.</summary>
    public Tensor? WindowMask { get; }

    /// <summary>Makes the shared input of a stack.</summary>
    /// <param name="columns">Who sees whom.</param>
    /// <param name="stack">The stack; decides windows, query groups and relative bias.</param>
    /// <param name="relativeBias">[buckets, H] of the stack, or null.</param>
    /// <param name="type">Type of the computation.</param>
    /// <param name="device">Device of the computation.</param>
    public static AttentionInput Make(AttentionPlaces columns, StackSpec stack, Tensor? relativeBias, ScalarType type,
        Device device)
    {
        Tensor positions = tensor(columns.QueryPosition, [columns.Rows, columns.Queries], device: device);
        Tensor? full = Mask(columns, null, stack.Heads.Group, type, device);
        int[] windows = stack.Windows.OfType<int>().Distinct().ToArray();
        if (windows.Length > 1)
            throw new NotSupportedException(
                "sliding_window: one window for all windowed layers is supported, found "
                + $"{string.Join(", ", windows)}.");
        Tensor? windowed = windows.Length == 0 ? null : Mask(columns, windows[0], stack.Heads.Group, type, device);
        if (relativeBias is not null)
            full = RelativeBias.Add(columns, (RelativePositions)stack.Positions, relativeBias, full, type);
        return new(positions, full, windowed);
    }

    /// <summary>The mask of a layer.</summary>
    public Tensor? MaskOf(StackSpec stack, int layer) => stack.Window(layer) is null ? FullMask : WindowMask;

    private static Tensor? Mask(AttentionPlaces columns, int? window, int group, ScalarType type, Device device)
    {
        var mask = new float[columns.Rows * columns.Queries * columns.Keys];
        bool hides = false;
        int at = 0;
        for (int row = 0; row < columns.Rows; row++)
        {
            for (int query = 0; query < columns.Queries; query++)
            {
                for (int key = 0; key < columns.Keys; key++, at++)
                {
                    if (columns.Sees(row, query, key, window))
                        continue;
                    mask[at] = Invisible;
                    hides = true;
                }
            }
        }
        if (!hides)
            return null;
        Tensor one = tensor(mask, [columns.Rows, 1, columns.Queries, columns.Keys], type, device);
        return group == 1 ? one : one.repeat(1, 1, group, 1);
    }
}
