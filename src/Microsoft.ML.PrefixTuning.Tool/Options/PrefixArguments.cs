using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>What is trained, as options of a command.</summary>
internal sealed class PrefixArguments
{
    private readonly RecordOptions<PrefixOptions> _options;
    private readonly Option<string> _start = new("--prefix-start")
    {
        Description = "Where training starts: the keys and values of a text made from the column names (text) or of the given one (text:WORDS), zero, "
            + "small random values (random, random:SCALE), or a prefix file (file:PATH).",
        HelpName = "text|zero|random|file",
        DefaultValueFactory = _ => "text",
    };

    private readonly Option<string> _method = new("--method")
    {
        Description = "What is learned: keys and values for every layer (prefix), input embeddings (embedding-only), keys and values behind the input (infix), "
            + "nothing, the start's text as it is (text), or words found by search (trigger-words, trigger-words:STEPS).",
        HelpName = "prefix|embedding-only|infix|text|trigger-words",
        DefaultValueFactory = _ => "prefix",
    };

    private readonly Option<string> _parametrization = new("--parametrization")
    {
        Description = "What training moves: keys and values themselves (direct), the paper's network (mlp, mlp:WIDTH), or a network on top of the start (residual-mlp, residual-mlp:WIDTH).",
        HelpName = "direct|mlp|residual-mlp",
        DefaultValueFactory = _ => "direct",
    };

    /// <summary>Adds the options to a command.</summary>
    public PrefixArguments(Verb command)
    {
        foreach (Option option in (Option[])[_start, _method, _parametrization])
            command.Options.Add(option);
        _options = new RecordOptions<PrefixOptions>(command, prefix: "prefix-",
            without: [nameof(PrefixOptions.Start), nameof(PrefixOptions.Method), nameof(PrefixOptions.Parametrization)]);
    }

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">Start, method or parametrisation is none.</exception>
    public PrefixOptions Read(ParseResult parsed) => _options.Read(parsed, new PrefixOptions()) with
    {
        Start = ReadStart(parsed.GetValue(_start)!),
        Method = ReadMethod(parsed.GetValue(_method)!),
        Parametrization = ReadParametrization(parsed.GetValue(_parametrization)!),
    };

    private static PrefixMethod ReadMethod(string text) => OptionText.Split(text) switch
    {
        ("prefix", null) => PrefixMethod.Prefix,
        ("embedding-only", null) => PrefixMethod.EmbeddingOnly,
        ("infix", null) => PrefixMethod.Infix,
        ("text", null) => PrefixMethod.Text,
        ("trigger-words", null) => PrefixMethod.TriggerWords(),
        ("trigger-words", { } steps) => PrefixMethod.TriggerWords(steps: (int)OptionText.Parse(typeof(int), steps)),
        _ => throw new UsageException($"--method: expected prefix, embedding-only, infix, text, trigger-words or trigger-words:STEPS, found '{text}'."),
    };

    private static Parametrization ReadParametrization(string text) => OptionText.Split(text) switch
    {
        ("direct", null) => Parametrization.Direct,
        ("mlp", null) => Parametrization.Mlp(),
        ("mlp", { } width) => Parametrization.Mlp((int)OptionText.Parse(typeof(int), width)),
        ("residual-mlp", null) => Parametrization.ResidualMlp(),
        ("residual-mlp", { } width) => Parametrization.ResidualMlp((int)OptionText.Parse(typeof(int), width)),
        _ => throw new UsageException($"--parametrization: expected direct, mlp, mlp:WIDTH, residual-mlp or residual-mlp:WIDTH, found '{text}'."),
    };

    private static PrefixStart ReadStart(string text) => OptionText.Split(text) switch
    {
        ("text", null) => PrefixStart.DefaultText,
        ("text", { } words) => PrefixStart.FromText(words),
        ("zero", null) => PrefixStart.Zero,
        ("random", null) => PrefixStart.Random(),
        ("random", { } scale) => PrefixStart.Random((double)OptionText.Parse(typeof(double), scale)),
        ("file", { } path) => PrefixStart.FromPrefix(Prefix.Load(path)),
        _ => throw new UsageException($"--prefix-start: expected text, text:WORDS, zero, random, random:SCALE or file:PATH, found '{text}'."),
    };
}
