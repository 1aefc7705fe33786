using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Rows of three attribute values, and models of them.</summary>
internal static class Tones
{
    public static MLContext Context { get; } = new(seed: 1);

    public static PrefixTuningOptions Quick { get; } = TinyBase.Quick with
    {
        Prefix = new PrefixOptions { Length = 6 },
        AttributeLength = 4,
        Training = new TrainingOptions { MaxSteps = 30, BatchSize = 6, ValidationFraction = 0 },
        AttributeColumnName = "Tone",
    };

    public static IEnumerable<ToneRow> ToneRows(int count) => TinyBase.Rows(count).Select((row, index) => new ToneRow
    {
        Input = row.Input,
        Label = (index % 3) switch { 0 => row.Label, 1 => row.Label.ToUpperInvariant(), _ => $"1 2 3 {index}" },
        Tone = (index % 3) switch { 0 => "calm", 1 => "loud", _ => "odd" },
    });

    public static IDataView View(IEnumerable<ToneRow> rows) => Context.Data.LoadFromEnumerable(rows);

    public static PrefixTuningTransformer Fit(PrefixTuningOptions options, IEnumerable<ToneRow>? rows = null,
        BaseModel? baseModel = null) =>
        TinyBase.Estimator(Context, options, baseModel).Fit(View(rows ?? ToneRows(30)));

    public static PrefixTuningTransformer Generator(Prefix? prefix, BaseModel? baseModel = null) =>
        Context.Transforms.Text.GenerateText("Output", "Input", baseModel ?? TinyBase.Llama, prefix,
        new TextGenerationOptions { Generation = Quick.Generation }).Fit(View(ToneRows(1)));

    public static TextGenerationEstimator Combined(IReadOnlyDictionary<string, Prefix> prefixes, string column,
        TextGenerationOptions? options = null, BaseModel? baseModel = null) =>
        Context.Transforms.Text.GenerateText("Output", "Input", baseModel ?? TinyBase.Llama, prefixes, column, options
            ?? new TextGenerationOptions { Generation = Quick.Generation });

    public static string[] Texts(ITransformer model, IEnumerable<ToneRow> rows) =>
        model.Transform(View(rows)).GetColumn<string>("Output").ToArray();
}

/// <summary>A row with an attribute.</summary>
internal sealed record ToneRow
{
    public string Input { get; set; } = "";

    public string Label { get; set; } = "";

    public string Tone { get; set; } = "";
}

/// <summary>What is read back.</summary>
internal sealed class ToneOutput
{
    public string Output { get; set; } = "";
}
