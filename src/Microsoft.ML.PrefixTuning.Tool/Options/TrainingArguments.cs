using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>How a prefix is trained, as options of a command.</summary>
internal sealed class TrainingArguments
{
    private readonly RecordOptions<TrainingOptions> _options;
    private readonly RecordOptions<EarlyStopping> _earlyStopping;
    private readonly Option<bool> _noEarlyStopping =
        new("--no-early-stopping") { Description = "Train all epochs whatever the validation loss does." };

    /// <summary>Adds the options to a command.</summary>
    public TrainingArguments(Verb command)
    {
        // What a cancelled training does is this tool's promise: it keeps the best.
        const string place = nameof(PrefixTuningOptions.Training);
        _options = new RecordOptions<TrainingOptions>(command, without: [nameof(TrainingOptions.WhenCancelled)],
            place: place);
        _earlyStopping = new RecordOptions<EarlyStopping>(command,
            place: $"{place}.{nameof(TrainingOptions.EarlyStopping)}");
        command.Options.Add(_noEarlyStopping);
    }

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">Early stopping is both described and refused.</exception>
    public TrainingOptions Read(ParseResult parsed)
    {
        bool none = parsed.GetValue(_noEarlyStopping);
        if (none && _earlyStopping.IsAnyGiven(parsed))
            throw new UsageException("--no-early-stopping and --early-stopping-* exclude each other.");
        return _options.Read(parsed, new TrainingOptions()) with
        {
            EarlyStopping = none ? null : _earlyStopping.Read(parsed, new EarlyStopping()),
            WhenCancelled = CancellationBehavior.ReturnBest,
        };
    }
}
