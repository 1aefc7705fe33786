using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>Milliseconds of one product x W^T by every route that there is.</summary>
/// <param name="Rows">Rows of x.</param>
/// <param name="Inputs">Inputs.</param>
/// <param name="Outputs">Outputs.</param>
/// <param name="Linear">float32, torch's linear map.</param>
/// <param name="Turned">float32, with a weight that lies the other way round.</param>
/// <param name="Front">float32, W x^T.</param>
/// <param name="Own">float32, the product of our own that one new token a row takes.</param>
/// <param name="BFloat16">bfloat16, torch's linear map.</param>
/// <param name="OwnBFloat16">bfloat16, as <paramref name="Own"/>.</param>
/// <param name="Int8">8 bits, in blocks.</param>
/// <param name="Int4">4 bits, the same.</param>
internal sealed record ProductRoutes(int Rows, int Inputs, int Outputs, double Linear, double Turned, double Front,
    double Own, double BFloat16, double OwnBFloat16, double Int8, double Int4)
{
    // Inputs and outputs of SmolLM2's matrices: query and output, key and value, gate and up, down, head.
    private static readonly (int, int)[] Shapes = [(576, 576), (576, 192), (576, 1536), (1536, 576), (576, 49152)];

    private static readonly int[] RowCounts = [1, 16, 64, 600];

    /// <summary>Measures SmolLM2's products: a JSON line each, then a table in GFLOPS.</summary>
    public static void MeasureAll()
    {
        var all = new List<ProductRoutes>();
        foreach (int rows in RowCounts)
        {
            foreach ((int inputs, int outputs) in Shapes)
            {
                ProductRoutes routes = Measure(rows, inputs, outputs);
                Console.WriteLine(JsonSerializer.Serialize(routes));
                all.Add(routes);
            }
        }
        Console.WriteLine("\nGFLOPS:\n\n| rows | in x out | float32: linear | turned | W x^T | own | bfloat16 | own |"
            + " 8 bits | 4 bits |");
        Console.WriteLine("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (ProductRoutes routes in all)
            Console.WriteLine(routes.Line());
    }

    private static ProductRoutes Measure(int rows, int inputs, int outputs)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor x = Values(ScalarType.Float32, rows, inputs), weight = Values(ScalarType.Float32, outputs, inputs);
        Tensor turned = weight.t().contiguous(), front = x.t().contiguous();
        Tensor narrow = x.to(ScalarType.BFloat16), narrowWeight = weight.to(ScalarType.BFloat16);
        var wide = new WideMatrix(weight);
        Int8Matrix in8 = Int8Matrix.Of("weight", wide, tensor => tensor);
        Int4Matrix in4 = Int4Matrix.Of("weight", wide, tensor => tensor.MoveToOuterDisposeScope());
        return new ProductRoutes(rows, inputs, outputs, Milliseconds(() => nn.functional.linear(x, weight)),
            Milliseconds(() => x.mm(turned)), Milliseconds(() => weight.mm(front)),
            Milliseconds(() => RowProducts.Product(x.unsqueeze(1), weight, null)),
            Milliseconds(() => nn.functional.linear(narrow, narrowWeight)),
            Milliseconds(() => RowProducts.Product(x.unsqueeze(1), narrowWeight, null)),
            Milliseconds(() => in8.Product(x, null)),
            Milliseconds(() => in4.Product(x, null)));
    }

    private string Line()
    {
        double?[] times = [Linear, Turned, Front, Own, BFloat16, OwnBFloat16, Int8, Int4];
        return $"| {Rows} | {Inputs} x {Outputs} |" + string.Concat(times.Select(time => time is not { } ms ? " |"
            : string.Create(CultureInfo.InvariantCulture, $" {2e-6 * Rows * Inputs * Outputs / ms:F0} |")));
    }

    private static double Milliseconds(Action action) => 1e3 * BestTime.Of(action);

    private static Tensor Values(ScalarType type, params long[] shape) => full(shape, Scalars.Real(0.01), type);
}
