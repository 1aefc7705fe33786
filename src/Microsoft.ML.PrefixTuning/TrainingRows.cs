using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Rows to training examples, once, before the first step: a bad row is found here, with its number. What is kept is token
/// ids only.
/// </summary>
/// <param name="columns">Input and label.</param>
/// <param name="encoder">Makes ids of texts.</param>
/// <param name="options">What may be done to rows.</param>
internal sealed class TrainingRows(TuningColumns columns, RowEncoder encoder, TrainingOptions options)
{
    private readonly List<string> _warnings = [];

    /// <summary>Rows whose prompts were cut.</summary>
    public int Truncated { get; private set; }

    /// <summary>What a user should know of single rows, first ones first.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Reads a view.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="checkAlive">Called every row; throws to cancel.</param>
    /// <exception cref="ArgumentException">A row is no good; the message has its number, column, what was expected and found.</exception>
    public List<TrainingExample> Read(IDataView data, Action checkAlive)
    {
        DataViewSchema.Column input = GeneratedTextSchema.Input(data.Schema, columns.Input);
        DataViewSchema.Column label = GeneratedTextSchema.Input(data.Schema, columns.Label, "label");
        var examples = new List<TrainingExample>();
        using DataViewRowCursor cursor = data.GetRowCursor([input, label]);
        ValueGetter<ReadOnlyMemory<char>> source = cursor.GetGetter<ReadOnlyMemory<char>>(input);
        ValueGetter<ReadOnlyMemory<char>> target = cursor.GetGetter<ReadOnlyMemory<char>>(label);
        ReadOnlyMemory<char> sourceText = default, targetText = default;
        while (cursor.MoveNext())
        {
            checkAlive();
            source(ref sourceText);
            target(ref targetText);
                examples.Add(Encode(new InputRow(cursor.Position, sourceText.ToString()), targetText.ToString()));
        }
        return examples;
    }

    /// <summary>Holds a share of the examples out for validation, chosen by seed.</summary>
    /// <returns>What is trained on and what is held out; at least one of each, or nothing held out.</returns>
    public static (List<TrainingExample> Training, List<TrainingExample> HeldOut) Split(List<TrainingExample> examples,
        double fraction, int seed)
    {
        int held = (int)(examples.Count * fraction);
        if (held == 0)
            return (examples, []);
        int[] order = Enumerable.Range(0, examples.Count).ToArray();
        new Random(seed).Shuffle(order);
        var isHeld = new bool[examples.Count];
        foreach (int index in order.AsSpan(0, held))
            isHeld[index] = true;
        return (examples.Where((_, index) => !isHeld[index]).ToList(), examples.Where((_, index) => isHeld[index]).ToList());
    }

    private TrainingExample Encode(InputRow row, string target)
    {
        if (target.Length == 0 && !options.AllowEmptyTargets)
            throw new ArgumentException($"Row {row.Position}, column '{columns.Label}': expected a text, found an empty one (AllowEmptyTargets is false).");
        int[] targetIds = encoder.Target(target, out int lostTarget);
        encoder.CheckTarget(row, targetIds.Length, columns.Label);
        EncodedPrompt prompt = encoder.Prompt(row, targetIds.Length, options.Truncation);
        if (prompt.IsTruncated)
            Truncated++;
        if (lostTarget + prompt.LostBytes > 0)
            _warnings.Add($"Row {row.Position}: {lostTarget + prompt.LostBytes} bytes have no token in the base's vocabulary and were left out.");
        return new TrainingExample(prompt.Ids, targetIds, Row: row.Position);
    }
}
