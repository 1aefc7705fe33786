using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers;
using Microsoft.ML.Transforms.Text;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>
/// Says which value of an attribute a text is of, and how many texts of a model are of the value that was asked for.
/// ML.NET's own classifier (maximum entropy over words and pairs of words), trained on labelled rows: nothing is
/// downloaded, and it errs, which is told beside what it says.
/// </summary>
internal sealed class StudyJudge
{
    private const string Key = "Key", Features = "Features", Judged = "Judged";

    // What is asked for is control, not the one likeliest text: texts are drawn, as they would be in use.
    private const double Mass = 0.9;

    private readonly MLContext _context;
    private readonly ITransformer _model;
    private readonly string[] _values;
    private readonly int _draws;
    private readonly double _right;

    private StudyJudge(MLContext context, ITransformer model, string[] values, int draws,
        IReadOnlyList<JudgedText> test)
    {
        (_context, _model, _values, _draws) = (context, model, values, draws);
        string[] judged = Judge(test.Select(row => row.Text));
        _right = judged.Zip(test).Count(pair => pair.First == pair.Second.Value) / (double)test.Count;
    }

    /// <summary>Trains one; the same one for the same rows.</summary>
    /// <param name="context">Trains.</param>
    /// <param name="train">Labelled texts.</param>
    /// <param name="test">Others, by which its errors are counted.</param>
    /// <param name="draws">Texts that a model writes for each value.</param>
    public static StudyJudge Train(MLContext context, IReadOnlyList<JudgedText> train, IReadOnlyList<JudgedText> test,
        int draws)
    {
        var features = new TextFeaturizingEstimator.Options
        {
            WordFeatureExtractor = new WordBagEstimator.Options { NgramLength = 2, UseAllLengths = true },
            CharFeatureExtractor = null,
        };
        var learner = new LbfgsMaximumEntropyMulticlassTrainer.Options
        {
            LabelColumnName = Key,
            FeatureColumnName = Features,
            // It leaves rare words out, of which sentences are full.
            L1Regularization = 0,
            // With more of them the order of sums is chance.
            NumberOfThreads = 1,
        };
        ITransformer model = context.Transforms.Conversion.MapValueToKey(Key, nameof(JudgedText.Value))
            .Append(context.Transforms.Text.FeaturizeText(Features, features, nameof(JudgedText.Text)))
            .AppendCacheCheckpoint(context)
            .Append(context.MulticlassClassification.Trainers.LbfgsMaximumEntropy(learner))
            .Append(context.Transforms.Conversion.MapKeyToValue(Judged, "PredictedLabel"))
            .Fit(context.Data.LoadFromEnumerable(train));
        string[] values = [.. train.Select(row => row.Value).Distinct().Order(StringComparer.Ordinal)];
        return new StudyJudge(context, model, values, draws, test);
    }

    /// <summary>Lets a model write for each value, which is its input, and judges the texts.</summary>
    /// <param name="model">The model; stays the caller's.</param>
    /// <returns>
    /// Shares by name: of texts that are as asked, of different ones, of the judge's own right answers.
    /// </returns>
    public IReadOnlyDictionary<string, double> Measure(PrefixTuningTransformer model)
    {
        using PrefixTuningTransformer drawing = model.WithGeneration(model.Generation with
        {
            Decoding = Decoding.Sampling(topP: Mass, seed: 1) with { DrawColumnName = nameof(JudgedPrompt.Draw) },
        });
        var schema = SchemaDefinition.Create(typeof(JudgedPrompt));
        schema[nameof(JudgedPrompt.Input)].ColumnName = model.InputColumnName;
        JudgedPrompt[] prompts =
        [
            .. from value in _values
               from draw in Enumerable.Range(0, _draws)
               select new JudgedPrompt { Input = value, Draw = $"{draw}" },
        ];
        string[] texts = [.. drawing.Transform(_context.Data.LoadFromEnumerable(prompts, schema))
            .GetColumn<string>(model.OutputColumnName)];
        return Count([.. prompts.Select(prompt => prompt.Input)], texts);
    }

    /// <summary>What texts come to that were written for some values.</summary>
    /// <param name="asked">The value that was asked for, of each text.</param>
    /// <param name="texts">The texts.</param>
    public IReadOnlyDictionary<string, double> Count(IReadOnlyList<string> asked, IReadOnlyList<string> texts)
    {
        string[] judged = Judge(texts);
        // Of nothing the judge still says the commoner value.
        (string Value, bool IsAsAsked)[] all = [.. asked.Select((value, place) =>
            (value, !string.IsNullOrWhiteSpace(texts[place]) && judged[place] == value))];
        var measures = new Dictionary<string, double>
        {
            ["as asked"] = Share(all),
            ["different texts"] = texts.Distinct().Count() / (double)texts.Count,
            ["judge is right"] = _right,
        };
        foreach (var ofValue in all.GroupBy(one => one.Value))
            measures.Add($"as asked, {ofValue.Key}", Share([.. ofValue]));
        return measures;

        static double Share(IReadOnlyCollection<(string Value, bool IsAsAsked)> some) =>
            some.Count(one => one.IsAsAsked) / (double)some.Count;
    }

    private string[] Judge(IEnumerable<string> texts) =>
        [.. _model.Transform(_context.Data.LoadFromEnumerable(texts.Select(text => new JudgedText { Text = text })))
            .GetColumn<string>(Judged)];

    /// <summary>What a model writes for.</summary>
    private sealed class JudgedPrompt
    {
        public string Input { get; set; } = "";

        public string Draw { get; set; } = "";
    }
}

/// <summary>A text with the value it is of.</summary>
internal sealed class JudgedText
{
    public string Text { get; set; } = "";

    public string Value { get; set; } = "";
}

/// <summary>The judge as a study's file asks for it.</summary>
/// <param name="Train">File of labelled texts.</param>
/// <param name="Test">File of others, by which the judge's errors are counted.</param>
/// <param name="Text">Column of the texts.</param>
/// <param name="Value">Column of the values.</param>
/// <param name="Draws">Texts that a model writes for each value.</param>
internal sealed record StudyJudgeFile(string Train, string Test, string Text, string Value, int Draws)
{
    /// <summary>What must be equal for a study to be gone on with.</summary>
    public string Identity => FormattableString.Invariant($"{Draws} texts a value, by {Value} of {Text}");
}
