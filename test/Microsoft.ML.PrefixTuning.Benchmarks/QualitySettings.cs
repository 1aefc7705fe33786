using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// What a quality run sets besides the method; with none, the library's defaults hold. <c>state</c> names a folder for
/// training states: a run that is started again goes on where it was stopped. <c>precision</c>, <c>rate</c> (learning
/// rate), <c>epochs</c>, <c>held</c> (share held out), <c>smoothing</c>, <c>shared</c> (true: rows of one source read
/// it once).
/// </summary>
internal sealed class QualitySettings(IEnumerable<string> arguments)
{
    private const int StateInterval = 20;

    private static readonly string[] Names = ["state", "precision", "rate", "epochs", "held", "smoothing", "shared"];

    private readonly Dictionary<string, string> _values = arguments.Select(Pair).ToDictionary();

    public ModelPrecision Precision =>
        Text("precision") is { } name ? Enum.Parse<ModelPrecision>(name, ignoreCase: true) : ModelPrecision.Float32;

    /// <summary>The training options of a run.</summary>
    /// <param name="defaults">What holds where nothing is set.</param>
    /// <param name="run">Names the state file.</param>
    public TrainingOptions Training(TrainingOptions defaults, string run) => defaults with
    {
        LearningRate = Number("rate") ?? defaults.LearningRate,
        MaxEpochs = (int)(Number("epochs") ?? defaults.MaxEpochs),
        ValidationFraction = Number("held") ?? defaults.ValidationFraction,
        LabelSmoothing = Number("smoothing") ?? defaults.LabelSmoothing,
        SharedSources = Text("shared") is { } shared ? bool.Parse(shared) : defaults.SharedSources,
        StateFile = Text("state") is { } folder
            ? Path.Combine(Directory.CreateDirectory(folder).FullName, run + ".state") : null,
        StateInterval = StateInterval,
    };

    public override string ToString() =>
        string.Concat(_values.Where(value => value.Key != "state").Select(value => $", {value.Key} {value.Value}"));

    private static KeyValuePair<string, string> Pair(string argument) => argument.Split('=', 2) is [var name, var value]
        && Names.Contains(name)
        ? new(name, value)
        : throw new ArgumentException(
            $"Expected name=value with one of the names {string.Join(", ", Names)}; found {argument}.");

    private string? Text(string name) => _values.GetValueOrDefault(name);

    private double? Number(string name) =>
        Text(name) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;
}
