using System;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// The rows of one tensor in their blocks, in the mapped file, which stays its owner's and must be open as long as they
/// are used. All of them were found finite before.
/// </summary>
/// <param name="tensor">Where they lie.</param>
/// <param name="mapping">The file.</param>
/// <param name="rowOrder">Row r is row <c>rowOrder(r)</c> of the file; null for the order of the file.</param>
internal sealed class GgufRows(GgufTensor tensor, MappedFile mapping, Func<int, int>? rowOrder) : IStoredRows
{
    public long Rows => tensor.Rows;

    public long Columns => tensor.RowElements;

    public unsafe void Widen(Func<int, int> rowOf, torch.Tensor target)
    {
        using MappedFile.Held held = mapping.Hold();
        BlockReader.Widen(tensor.Blocks, (nint)held.Start + (nint)tensor.Start, target,
            rowOrder is null ? rowOf : row => rowOrder(rowOf(row)));
    }

    public bool HasSteps => GgufSteps.Of(tensor.Blocks.Format) is not null;

    public unsafe StepRows Steps(Func<int, int> rowOf, int count)
    {
        GgufType format = tensor.Blocks.Format;
        GgufStepReader read = GgufSteps.Of(format) ?? throw new NotSupportedException(
            $"{tensor.Info.What}: expected a type of 16 steps, found {format.Name}.");
        var rows = new StepRows(count, tensor.RowElements);
        int bytes = tensor.RowElements / format.Elements * format.Bytes;
        using MappedFile.Held held = mapping.Hold();
        for (int row = 0; row < count; row++)
        {
            long stored = rowOrder is null ? rowOf(row) : rowOrder(rowOf(row));
            read(new ReadOnlySpan<byte>(held.Start + tensor.Start + stored * bytes, bytes), rows.StepsOf(row),
                rows.ScalesOf(row), rows.OffsetsOf(row));
        }
        return rows;
    }
}
