using System.Collections.Generic;
using System.CommandLine;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>How text is written, as options of a command.</summary>
internal sealed class GenerationArguments
{
    private const string Place = nameof(PrefixTuningOptions.Generation);

    private readonly CaseOptions<Decoding> _decoding;
    private readonly RecordOptions<GenerationOptions> _options;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="without">Members of <see cref="GenerationOptions"/> that have no part in it.</param>
    public GenerationArguments(Verb command, params IEnumerable<string> without)
    {
        _decoding = new CaseOptions<Decoding>(command, "--decoding", $"{Place}.{nameof(GenerationOptions.Decoding)}",
            "How the next token is chosen.", OptionCases.Decodings);
        _options = new RecordOptions<GenerationOptions>(command, without:
            [nameof(GenerationOptions.Decoding), .. without], place: Place);
    }

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) => _options.IsAnyGiven(parsed) || _decoding.IsAnyGiven(parsed);

    /// <summary>The options of the command line over others.</summary>
    /// <exception cref="UsageException">An option belongs to another decoding.</exception>
    public GenerationOptions Read(ParseResult parsed, GenerationOptions start) =>
        _options.Read(parsed, start) with { Decoding = _decoding.Read(parsed, start.Decoding) };

    /// <summary>Those of the command line that hold for every decoding, over the defaults.</summary>
    public GenerationOptions ReadShared(ParseResult parsed) => _options.Read(parsed, new GenerationOptions());

    /// <summary>A decoding in words: its kind, and all that was chosen of it.</summary>
    public static string Describe(Decoding decoding)
    {
        foreach (OptionCase<Decoding> one in OptionCases.Decodings)
        {
            if (one.Default.GetType() == decoding.GetType())
                return one.Describe(decoding);
        }
        return decoding.ToString();
    }
}
