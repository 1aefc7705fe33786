using System.CommandLine;

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

    /// <summary>The options of the command line.</summary>
    public DistillationOptions Read(ParseResult parsed) => _options.Read(parsed, new DistillationOptions()) with
    {
        Continuations = _continuations.Read(parsed, new GenerationOptions()),
    };
}
