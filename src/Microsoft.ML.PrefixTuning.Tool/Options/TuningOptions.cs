using System.Collections.Generic;
using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>All that can be chosen when a prefix is trained and used, as options of a command.</summary>
internal sealed class TuningOptions
{
    /// <summary>What a start from a text is where the text is not given.</summary>
    public const string PlainStart = "a text made from the column names";

    private readonly PrefixArguments _prefix;
    private readonly TrainingArguments _training;
    private readonly RecordOptions<PrefixTuningOptions> _options;
    private readonly GenerationArguments _generation;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="without">Properties of <see cref="PrefixTuningOptions"/> that the verb has no use for.</param>
    /// <param name="plainStart">What a start from a text is where the text is not given.</param>
    public TuningOptions(Verb command, IReadOnlyCollection<string>? without = null, string plainStart = PlainStart)
    {
        command.Group("Files and columns");
        _prefix = new PrefixArguments(command, plainStart);
        command.Group("What is trained");
        _training = new TrainingArguments(command);
        command.Group("Training");
        _options = new RecordOptions<PrefixTuningOptions>(command, without: without);
        command.Group("Rows and base");
        _generation = new GenerationArguments(command);
        command.Group("How texts are written");
    }

    /// <summary>The prefix file that training starts from; null for none.</summary>
    public string? StartFile(ParseResult parsed) => _prefix.StartFile(parsed);

    /// <summary>The options of the command line.</summary>
    public PrefixTuningOptions Read(ParseResult parsed) => _options.Read(parsed, new PrefixTuningOptions()) with
    {
        Prefix = _prefix.Read(parsed),
        Training = _training.Read(parsed),
        Generation = _generation.Read(parsed, new GenerationOptions()),
    };
}
