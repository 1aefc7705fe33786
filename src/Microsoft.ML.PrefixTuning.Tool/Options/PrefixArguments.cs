using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>What is trained, as options of a command.</summary>
internal sealed class PrefixArguments
{
    // The kind of a start from a prefix file.
    private const string File = "file";

    private static readonly OptionCase<PrefixMethod>[] Methods =
    [
        new("prefix", PrefixMethod.Prefix) { Meaning = "Keys and values of every layer" },
        new("embedding-only", PrefixMethod.EmbeddingOnly)
        {
            Meaning = "Embeddings, of which the base makes keys and values",
        },
        new("infix", PrefixMethod.Infix)
        {
            Meaning = "Keys and values of every layer, behind the source but for its last token",
        },
        new("text", PrefixMethod.Text) { Meaning = "Nothing: the text of --prefix-start as it is" },
        new("trigger-words", PrefixMethod.TriggerWords()),
    ];

    private static readonly OptionCase<Parametrization>[] Parametrizations =
    [
        new("direct", Parametrization.Direct) { Meaning = "The keys and values themselves" },
        new("mlp", Parametrization.Mlp()),
        new("residual-mlp", Parametrization.ResidualMlp()),
    ];

    private static readonly OptionCase<PrefixStart>[] Starts =
    [
        new("text", PrefixStart.DefaultText),
        new("zero", PrefixStart.Zero) { Meaning = "Keys and values of 0" },
        new("random", PrefixStart.Random()),
        new(File, new PrefixValuesStart()) { NeedsValue = true },
    ];

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
            Starts[0] with { Meaning = $"Keys and values of a text; without one, {plainText}" }, .. Starts[1..],
        ];
        _start = new CaseText<PrefixStart>(command, "--prefix-start", "Where training starts.", starts);
        _method = new CaseText<PrefixMethod>(command, "--method", "What is learned.", Methods);
        _parametrization = new CaseText<Parametrization>(command, "--parametrization", "What numbers training moves.",
            Parametrizations);
        _options = new RecordOptions<PrefixOptions>(command, without:
            [nameof(PrefixOptions.Start), nameof(PrefixOptions.Method), nameof(PrefixOptions.Parametrization)]);
    }

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">Start, method or parametrisation is none.</exception>
    public PrefixOptions Read(ParseResult parsed) => _options.Read(parsed, new PrefixOptions()) with
    {
        Start = _start.Read(parsed),
        Method = _method.Read(parsed),
        Parametrization = _parametrization.Read(parsed),
    };

    /// <summary>The prefix file that training starts from; null for none.</summary>
    public string? StartFile(ParseResult parsed) => _start.ValueOf(parsed, File);
}
