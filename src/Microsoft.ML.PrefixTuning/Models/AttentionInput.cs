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
    /// <summary>
    /// Numbers (256 MiB in float32) beyond which a mask of all queries is not made: query heads go one after the other.
    /// </summary>
    public const long MostMaskNumbers = 1L << 26;

    // Finite, so that a row which sees nothing (padding) stays finite too; exp of it is an exact 0.
    private static readonly Scalar s_invisible = (-1e30).ToScalar();

    private AttentionInput(Tensor positions, AttentionMask full, AttentionMask window)
        => (Positions, FullMask, WindowMask) = (positions, full, window);

    /// <summary>[B, L], int64.</summary>
    public Tensor Positions { get; }

    /// <summary>What layers without a window do not see.</summary>
    public AttentionMask FullMask { get; }

    /// <summary>The same for layers with a window.</summary>
    public AttentionMask WindowMask { get; }

    /// <summary>Makes the shared input of a stack.</summary>
    /// <param name="columns">Who sees whom.</param>
    /// <param name="stack">The stack; decides windows, query groups and relative bias.</param>
    /// <param name="relativeBias">[buckets, H] of the stack, or null.</param>
    /// <param name="type">Type of the computation.</param>
    /// <param name="device">Device of the computation.</param>
    /// <param name="mostMaskNumbers">Numbers of a mask beyond which query heads go one after the other.</param>
    public static AttentionInput Make(AttentionPlaces columns, StackSpec stack, Tensor? relativeBias, ScalarType type,
        Device device, long mostMaskNumbers = MostMaskNumbers)
    {
        Tensor positions = tensor(columns.QueryPosition, [columns.Rows, columns.Queries], device: device);
        int[] windows = stack.Windows.OfType<int>().Distinct().ToArray();
        if (windows.Length > 1)
        {
            throw new NotSupportedException("sliding_window: one window for all windowed layers is supported,"
                + $" found {string.Join(", ", windows)}.");
        }
        bool isLong = relativeBias is null
            && (long)columns.Rows * columns.Queries * columns.Keys * stack.Heads.Group > mostMaskNumbers;
        AttentionMask full = Mask(columns, null, stack, isLong, type, device);
        AttentionMask windowed = windows.Length == 0 ? default
            : Mask(columns, windows[0], stack, isLong, type, device);
        if (relativeBias is not null)
        {
            full = new AttentionMask(RelativeBias.Add(columns, (RelativePositions)stack.Positions, relativeBias,
                full.Added, type));
        }
        return new(positions, full, windowed);
    }

    /// <summary>The mask of a layer.</summary>
    public AttentionMask MaskOf(StackSpec stack, int layer) => stack.Window(layer) is null ? FullMask : WindowMask;

    private static AttentionMask Mask(AttentionPlaces columns, int? window, StackSpec stack, bool isLong,
        ScalarType type, Device device)
    {
        if (!columns.HidesAny(window))
            return new AttentionMask(null, isLong);
        // Scores that are capped are not the kernel's, which alone knows an order without a mask.
        if (isLong && stack.ScoreCap is null && columns.IsCausal(window))
            return new AttentionMask(null, isLong, IsCausal: true);
        // Where all queries of a row see the same, one stands for all.
        int queries = window is null && columns.SeeAlike() ? 1 : columns.Queries;
        Tensor hidden = OfKeys(columns.KeyOrder).gt(OfQueries(columns.QueryOrder));                 // [B, L or 1, S]
        if (window is { } size)
        {
            Tensor passed = OfQueries(columns.QueryColumn).add(OfKeys(columns.KeyColumn), Scalars.MinusOne);
            Tensor exempt = tensor(columns.KeyExempt, [columns.Rows, 1, columns.Keys], device: device);
            hidden = hidden.logical_or_(passed.ge(Scalars.Whole(size)).logical_and_(exempt.logical_not()));
        }
        Tensor one = zeros([columns.Rows, 1, queries, columns.Keys], type, device)
            .masked_fill_(hidden.unsqueeze(1), s_invisible);
        return new AttentionMask(
            isLong || queries == 1 || stack.Heads.Group == 1 ? one : one.repeat(1, 1, stack.Heads.Group, 1), isLong);

        Tensor OfQueries(int[] places) => tensor(places, [columns.Rows, columns.Queries, 1], device: device)
            .narrow(Axis.Token, 0, queries);

        Tensor OfKeys(int[] places) => tensor(places, [columns.Rows, 1, columns.Keys], device: device);
    }
}

/// <summary>What the queries of a pass do not see in a layer, in the form that attention takes.</summary>
/// <param name="Added">
/// Added to scores, [B, 1 or G, R * L or 1, S], or [B, 1, L or 1, S] where heads are apart; null where nothing is.
/// </param>
/// <param name="HeadsApart">
/// The R query heads of a group are taken one after the other, not as one axis: nothing then has R * L rows.
/// </param>
/// <param name="IsCausal">Token i sees the first S - L + i + 1 keys, and no tensor says so.</param>
internal readonly record struct AttentionMask(Tensor? Added, bool HeadsApart = false, bool IsCausal = false);
