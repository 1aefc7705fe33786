using System.Collections.Generic;
using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>How a base writes rows about a document, as options of a command that has those of the student.</summary>
internal sealed class StudyArguments
{
    private readonly RecordOptions<SelfStudyOptions> _options;

    /// <summary>Adds the options to a command.</summary>
    public StudyArguments(Verb command) => _options = new RecordOptions<SelfStudyOptions>(command,
        new OptionNames
        {
            Special = new Dictionary<string, string> { [nameof(SelfStudyOptions.Seed)] = "question-seed" },
        },
        // Teacher and student are one base, read in one way.
        without:
        [
            nameof(SelfStudyOptions.Template), nameof(SelfStudyOptions.Precision), nameof(SelfStudyOptions.Device),
            nameof(SelfStudyOptions.Threads),
        ]);

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) => _options.IsAnyGiven(parsed);

    /// <summary>The options of the command line.</summary>
    public SelfStudyOptions Read(ParseResult parsed) => _options.Read(parsed, new SelfStudyOptions());
}
