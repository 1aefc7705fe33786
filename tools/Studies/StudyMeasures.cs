using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.ML.PrefixTuning.Tool.Verbs;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>What a study measures beside losses and texts for its test rows.</summary>
internal sealed class StudyMeasures
{
    /// <summary>Says which value texts are of; null for nothing.</summary>
    public StudyJudge? Judge { get; init; }

    /// <summary>Loss of another task; null for none.</summary>
    public OtherTask? Other { get; init; }

    /// <summary>What is measured, by which a folder of other measures is refused.</summary>
    public required IReadOnlyList<NamedValue> Identity { get; init; }

    /// <summary>What a study's file asks for; its judge is trained here.</summary>
    public static StudyMeasures Make(MLContext context, StudyFile file, ToolConsole console) => new()
    {
        Judge = file.Judge is { } judge ? MakeJudge(context, judge, console) : null,
        Other = file.Other is { } other ? new OtherTask(other, console) : null,
        Identity =
        [
            NamedValue.Named("judge", file.Judge?.Identity), NamedValue.Named("other task", file.Other?.Identity),
        ],
    };

    /// <summary>Measures a model that was trained.</summary>
    public IReadOnlyDictionary<string, double> Of(PrefixTuningTransformer model)
    {
        var measures = new Dictionary<string, double>();
        foreach ((string name, double value) in Judge?.Measure(model).AsEnumerable() ?? [])
            measures.Add(name, value);
        if (Other is { } other)
            measures.Add(OtherTask.Name, other.Increase(model));
        return measures;
    }

    private static StudyJudge MakeJudge(MLContext context, StudyJudgeFile asked, ToolConsole console)
    {
        return StudyJudge.Train(context, Read(asked.Train), Read(asked.Test), asked.Draws);

        JudgedText[] Read(string path)
        {
            using TextTableView rows = new TrainingRows("study", asked.Text, [], console).Open(path, null);
            return [.. rows.GetColumn<string>(asked.Text).Zip(rows.GetColumn<string>(asked.Value),
                (text, value) => new JudgedText { Text = text, Value = value })];
        }
    }
}
