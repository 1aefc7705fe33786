using System;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>Rows of numbers that lie somewhere in another form than products take them.</summary>
internal interface IStoredRows
{
    /// <summary>Rows there are.</summary>
    long Rows { get; }

    /// <summary>Numbers of a row.</summary>
    long Columns { get; }

    /// <summary>
    /// Writes rows as wide numbers. Called while a gradient is on its way back, too: what can be wrong with the rows
    /// was found before.
    /// </summary>
    /// <param name="rowOf">The stored row of each row that is written.</param>
    /// <param name="target">[n, columns] in CPU memory, float32 or bfloat16, contiguous.</param>
    void Widen(Func<int, int> rowOf, Tensor target);

    /// <summary>Whether they are stored as steps of 4 bits.</summary>
    bool HasSteps => false;

    /// <summary>Rows as they are stored, where they are so.</summary>
    /// <param name="rowOf">The stored row of each row that is read.</param>
    /// <param name="count">How many are.</param>
    /// <exception cref="NotSupportedException">They are stored otherwise.</exception>
    StepRows Steps(Func<int, int> rowOf, int count) =>
        throw new NotSupportedException("Rows: expected steps of 4 bits, found another form.");
}

/// <summary>
/// A matrix that stays as it is stored and is widened for each product. Neither a product nor its gradient keeps the
/// wide numbers: a frozen product's gradient needs them only on its way back, and widens them anew.
/// </summary>
/// <param name="stored">The rows as they are stored; stay their owner's.</param>
/// <param name="first">The first of them that is the matrix's.</param>
/// <param name="rows">How many are.</param>
/// <param name="space">Where they are widened.</param>
internal sealed class StoredMatrix(IStoredRows stored, long first, long rows, WideSpace space) : FrozenMatrix
{
    public override long Rows => rows;

    public override long Columns => stored.Columns;

    public override ScalarType Type => space.Type;

    public override Device Device => space.Device;

    /// <summary>Whether it is stored as steps of 4 bits.</summary>
    public bool HasSteps => stored.HasSteps;

    /// <summary>Some of its rows as they are stored, where they are so.</summary>
    public StepRows Steps(long start, long count) =>
        stored.Steps(row => (int)(first + start + row), (int)count);

    public override Tensor Product(Tensor x, Tensor? bias) =>
        is_grad_enabled() && x.requires_grad ? WithGradient(x, bias) : Forward(x, bias, alone: true);

    public override Tensor BackProduct(Tensor y)
    {
        if (IsOneBlock)
            return space.Use(Widened(0, rows), y.matmul);
        using var scope = NewDisposeScope();
        // Sums of several blocks are made in float32, whatever the type of one.
        long[] shape = [.. y.shape.AsSpan(..^1), Columns];
        Tensor sum = zeros(shape, ScalarType.Float32, Device);
        ForEachBlock((start, block) =>
        {
            using Tensor part = y.narrow(Axis.Last, start, block.size(0)), product = part.matmul(block);
            sum.PlusInPlace(product);
        });
        return sum.to(Type).MoveToOuterDisposeScope();
    }

    public override Tensor Select(Tensor ids)
    {
        using Tensor asked = ids.cpu();
        int[] places = Array.ConvertAll(asked.data<long>().ToArray(), id => (int)(first + id));
        Tensor chosen = empty([places.Length, Columns], Type);
        stored.Widen(row => places[row], chosen);
        return Device.type == DeviceType.CPU ? chosen : chosen.to(Device, disposeAfter: true);
    }

    public override FrozenMatrix Slice(long start, long count) => new StoredMatrix(stored, first + start, count, space);

    public override void ForEachBlock(Action<long, Tensor> action)
    {
        long step = Math.Max(1, space.BlockNumbers / Columns);
        for (long start = 0; start < rows; start += step)
        {
            long begin = start;
            space.Use(Widened(begin, Math.Min(step, rows - begin)), block =>
            {
                action(begin, block);
                return true;
            });
        }
    }

    /// <summary>x W^T + b, of which autograd knows nothing.</summary>
    /// <param name="x">[..., columns].</param>
    /// <param name="bias">[rows] or null.</param>
    /// <param name="alone">Whether one new token a row may have its own products, which have no gradient.</param>
    public Tensor Forward(Tensor x, Tensor? bias, bool alone)
    {
        if (IsOneBlock)
            return space.Use(Widened(0, rows), wide => Product(x, wide, bias, alone));
        long[] shape = [.. x.shape.AsSpan(..^1), rows];
        Tensor product = empty(shape, Type, Device);
        ForEachBlock((start, block) =>
        {
            using var scope = NewDisposeScope();
            long count = block.size(0);
            product.narrow(Axis.Last, start, count).copy_(Product(x, block, bias?.narrow(0, start, count), alone));
        });
        return product;
    }

    /// <summary>
    /// The same for autograd. TorchSharp keeps an empty tensor of the product's size a function, until the way back:
    /// it ends here.
    /// </summary>
    private Tensor WithGradient(Tensor x, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        return FrozenProduct.apply(x, this, bias!).MoveToOuterDisposeScope();
    }

    private bool IsOneBlock => rows * Columns <= space.MostNumbers;

    private static Tensor Product(Tensor x, Tensor wide, Tensor? bias, bool alone) =>
        alone && RowProducts.Suits(x, wide) ? RowProducts.Product(x, wide, bias)
            : nn.functional.linear(x, wide, bias);

    private WideRows Widened(long start, long count) =>
        new(count, Columns, wide => stored.Widen(row => (int)(first + start + row), wide));
}
