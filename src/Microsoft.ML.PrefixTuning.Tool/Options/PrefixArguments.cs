using System.CommandLine;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>What is trained, as options of a command.</summary>
internal sealed class PrefixArguments
{
    private const string Start = "--prefix-start", Length = "--prefix-length";
    private const string Place = nameof(PrefixTuningOptions.Prefix);

    private readonly RecordOptions<PrefixOptions> _options;
    private readonly CaseText<PrefixStart> _start;
    private readonly CaseText<PrefixMethod> _method;
    private readonly CaseText<Parametrization> _parametrization;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="plainText">What a start from a text is there where the text is not given.</param>
    public PrefixArguments(Verb command, string plainText)
    {
        OptionCase<PrefixStart>[] starts =
        [
            OptionCases.Starts[0] with { Meaning = $"Keys and values of a text; without one, {plainText}" },
            .. OptionCases.Starts.Skip(1),
        ];
        // The library names the start by its property.
        OptionCase<PrefixMethod>[] methods = [.. OptionCases.Methods.Select(one => one.Default == PrefixMethod.Text
            ? one with { Meaning = $"Nothing: the text of {Start} as it is" } : one)];
        _start = new CaseText<PrefixStart>(command, Start, $"{Place}.{nameof(PrefixOptions.Start)}",
            "Where training starts.", starts);
        _method = new CaseText<PrefixMethod>(command, "--method", $"{Place}.{nameof(PrefixOptions.Method)}",
            "What is learned.", methods);
        _parametrization = new CaseText<Parametrization>(command, "--parametrization",
            $"{Place}.{nameof(PrefixOptions.Parametrization)}", "What numbers training moves.",
            OptionCases.Parametrizations);
        _options = new RecordOptions<PrefixOptions>(command, without:
            [nameof(PrefixOptions.Start), nameof(PrefixOptions.Method), nameof(PrefixOptions.Parametrization)],
            place: Place);
        // Kinds that the library advises.
        command.Words.Add($"{nameof(PrefixStart)}.{nameof(PrefixStart.FromText)}", $"{Start} text");
        command.Words.Add($"{nameof(PrefixMethod)}.{nameof(PrefixMethod.Prefix)}", "--method prefix");
        command.Words.Add($"{nameof(Parametrization)}.{nameof(Parametrization.Direct)}", "--parametrization direct");
        command.Words.Add(nameof(Parametrization.ResidualMlp), "residual-mlp");
    }

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">
    /// Start, method or parametrisation is none, or the start is a prefix of another length than is asked for.
    /// </exception>
    public PrefixOptions Read(ParseResult parsed)
    {
        PrefixOptions read = _options.Read(parsed, new PrefixOptions()) with
        {
            Start = _start.Read(parsed),
            Method = _method.Read(parsed),
            Parametrization = _parametrization.Read(parsed),
        };
        if (read.Start is PrefixValuesStart { Prefix: { } start } && start.Length != read.Length
            && _options.Given(parsed).Contains(Length))
        {
            string expected = start.IsMemory ? "none, as a memory has no tokens"
                : $"none, or the {start.Length} tokens of {Start}";
            throw new UsageException($"{Length}: expected {expected}, found {read.Length}.");
        }
        return read;
    }

    /// <summary>The prefix file that training starts from; null for none.</summary>
    public string? StartFile(ParseResult parsed) => _start.ValueOf(parsed, OptionCases.StartFile);
}
