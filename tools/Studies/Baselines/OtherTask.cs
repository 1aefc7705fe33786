using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>
/// Rows of a task that a study does not train: by how much what was learned raises the loss of their targets, in nats a
/// token. A prefix that is left away raises nothing; weights that were tuned stay so.
/// </summary>
/// <param name="file">The rows.</param>
/// <param name="console">Opens them.</param>
internal sealed class OtherTask(StudyOtherFile file, ToolConsole console)
{
    /// <summary>Name of the measure.</summary>
    public const string Name = "other task";

    private static readonly TrainingOptions s_passes = new() { BatchSize = 8 };

    /// <summary>With a prefix that was trained for the study's own task.</summary>
    public double Increase(PrefixTuningTransformer model)
    {
        Prefix prefix = model.Prefix
            ?? throw new NotSupportedException("Another task: expected one prefix for all rows, found several.");
        FrozenBase frozen = model.Session.Base;
        using PrefixTensors tensors = PrefixTensors.Make(prefix, frozen.Model);
        return Loss(frozen, frozen.Model, tensors.Sites, PrefixRoom.Of(prefix)) - OfBase(frozen);
    }

    /// <summary>With weights that were tuned for the study's own task.</summary>
    public double Increase(FrozenBase frozen, LanguageModel tuned) =>
        Loss(frozen, tuned, SitePrefixes.None, default) - OfBase(frozen);

    private double OfBase(FrozenBase frozen) => Loss(frozen, frozen.Model, SitePrefixes.None, default);

    private double Loss(FrozenBase frozen, LanguageModel model, SitePrefixes prefix, PrefixRoom room)
    {
        var encoder = new RowEncoder(frozen.Tokenizer, model.Spec, template: null, file.Input, room);
        var reader = new RowReader(new FitColumns("Output", file.Input, file.Label), encoder,
            new TrainingOptions { Truncation = PromptTruncation.End });
        using TextTableView view = new TrainingRows("study", file.Input, [file.Label], console).Open(file.Path, null);
        TrainingExample[] rows = [.. reader.Read(view, isTraining: false, () => { }).Take(file.Rows)];
        return PlainTextDrift.Sum(model, rows, prefix, s_passes, () => { }) / rows.Sum(row => row.Target.Length);
    }
}

/// <summary>Rows of another task as a study's file asks for them.</summary>
/// <param name="Path">The file.</param>
/// <param name="Input">Column that is read.</param>
/// <param name="Label">Column of the wanted texts.</param>
/// <param name="Rows">Texts that are taken, the first ones.</param>
internal sealed record StudyOtherFile(string Path, string Input, string Label, int Rows)
{
    /// <summary>What must be equal for a study to be gone on with.</summary>
    public string Identity =>
        FormattableString.Invariant($"{Rows} rows, {Input} and {Label} of {System.IO.Path.GetFileName(Path)}");
}
