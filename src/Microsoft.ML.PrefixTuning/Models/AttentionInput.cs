using System;
using System.Linq;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// What every layer of a stack shares in one pass: positions, masks and rotations, made once from
/// <see cref="AttentionPlaces"/>. Its tensors belong to the dispose scope in which it is made.
/// </summary>
internal sealed class AttentionInput
{
    // Finite, so that a row which sees nothing (padding) stays finite too; exp of it is an exact 0.
    private static readonly Scalar s_invisible = (-1e30).ToScalar();

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
        {
            throw new NotSupportedException("sliding_window: one window for all windowed layers is supported,"
                + $" found {string.Join(", ", windows)}.");
        }
        Tensor? windowed = windows.Length == 0 ? null : Mask(columns, windows[0], stack.Heads.Group, type, device);
        if (relativeBias is not null)
            full = RelativeBias.Add(columns, (RelativePositions)stack.Positions, relativeBias, full, type);
        return new(positions, full, windowed);
    }

    /// <summary>The mask of a layer.</summary>
    public Tensor? MaskOf(StackSpec stack, int layer) => stack.Window(layer) is null ? FullMask : WindowMask;

    private static Tensor? Mask(AttentionPlaces columns, int? window, int group, ScalarType type, Device device)
    {
        if (!columns.HidesAny(window))
            return null;
        Tensor hidden = OfKeys(columns.KeyOrder).gt(OfQueries(columns.QueryOrder));                 // [B, L, S]
        if (window is { } size)
        {
            Tensor passed = OfQueries(columns.QueryColumn).add(OfKeys(columns.KeyColumn), Scalars.MinusOne);
            Tensor exempt = tensor(columns.KeyExempt, [columns.Rows, 1, columns.Keys], device: device);
            hidden = hidden.logical_or_(passed.ge(Scalars.Whole(size)).logical_and_(exempt.logical_not()));
        }
        Tensor one = zeros([columns.Rows, 1, columns.Queries, columns.Keys], type, device)
            .masked_fill_(hidden.unsqueeze(1), s_invisible);
        return group == 1 ? one : one.repeat(1, 1, group, 1);

        Tensor OfQueries(int[] places) => tensor(places, [columns.Rows, columns.Queries, 1], device: device);

        Tensor OfKeys(int[] places) => tensor(places, [columns.Rows, 1, columns.Keys], device: device);
    }
}
