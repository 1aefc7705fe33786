using System.CommandLine;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>What a distillation has beside the options of its student, as options of a command.</summary>
internal sealed class DistillationArguments
{
    private readonly RecordOptions<DistillationOptions> _options;
    private readonly RecordOptions<GenerationOptions> _continuations;

    /// <summary>Adds the options to a command that has those of the student.</summary>
    public DistillationArguments(Verb command)
    {
        _options = new RecordOptions<DistillationOptions>(command);
        // One text a row, written or refused, is what a student learns from; what is cut off is the training's choice.
        _continuations = new RecordOptions<GenerationOptions>(command, new OptionNames { Prefix = "continuation-" },
            without:
            [
                nameof(GenerationOptions.Decoding), nameof(GenerationOptions.SequenceCount),
                nameof(GenerationOptions.ErrorColumnName), nameof(GenerationOptions.Truncation),
            ], place: nameof(DistillationOptions.Continuations));
    }

    /// <summary>The first option of the command line that says how the teacher writes; null for none.</summary>
    public string? FirstOfContinuations(ParseResult parsed) => _continuations.Given(parsed).FirstOrDefault();

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">It says how texts are written that are there already.</exception>
    public DistillationOptions Read(ParseResult parsed)
    {
        DistillationOptions options = _options.Read(parsed, new DistillationOptions());
        if (options.ContinuationColumnName is { } column && FirstOfContinuations(parsed) is { } stray)
        {
            throw new UsageException(
                $"{stray} goes without --continuation-column, which has the texts, found '{column}'.");
        }
        return options with { Continuations = _continuations.Read(parsed, new GenerationOptions()) };
    }
}
