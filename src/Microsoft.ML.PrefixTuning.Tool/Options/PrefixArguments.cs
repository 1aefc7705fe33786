using System;
using System.CommandLine;
using Microsoft.ML.PrefixTuning.Parametrizations;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>What is trained, as options of a command.</summary>
internal sealed class PrefixArguments
{
    private readonly RecordOptions<PrefixOptions> _options;
    private readonly Option<string> _start = new("--prefix-start")
    {
        Description =
            "Where training starts: the keys and values of a text made from the column names (text) or of the given"
                + " one (text:WORDS), zero, "
            + "small random values (random, random:SCALE), or a prefix file (file:PATH).",
        HelpName = "text|zero|random|file",
        DefaultValueFactory = _ => "text",
    };

    private readonly Option<string> _method = new("--method")
    {
        Description =
            "What is learned: keys and values for every layer (prefix), input embeddings (embedding-only), keys and"
                + " values behind the input (infix), "
            + "nothing, the start's text as it is (text), or words found by search (trigger-words,"
            + " trigger-words:STEPS, trigger-words:STEPS:CANDIDATES).",
        HelpName = "prefix|embedding-only|infix|text|trigger-words",
        DefaultValueFactory = _ => "prefix",
    };

    private readonly Option<string> _parametrization = new("--parametrization")
    {
        Description =
            "What training moves: keys and values themselves (direct), the paper's network (mlp), or a network on top"
                + " of the start (residual-mlp); "
            + "a network takes its WIDTH, DEPTH and DROPOUT behind colons (mlp:512, mlp:512:2, mlp:512:2:0.1).",
        HelpName = "direct|mlp|residual-mlp",
        DefaultValueFactory = _ => "direct",
    };

    /// <summary>Adds the options to a command.</summary>
    public PrefixArguments(Verb command)
    {
        foreach (Option option in (Option[])[_start, _method, _parametrization])
            command.Options.Add(option);
        _options = new RecordOptions<PrefixOptions>(command, prefix: "prefix-",
            without: [nameof(PrefixOptions.Start), nameof(PrefixOptions.Method),
                nameof(PrefixOptions.Parametrization)]);
    }

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">Start, method or parametrisation is none.</exception>
    public PrefixOptions Read(ParseResult parsed) => _options.Read(parsed, new PrefixOptions()) with
    {
        Start = ReadStart(parsed.GetValue(_start)!),
        Method = ReadMethod(parsed.GetValue(_method)!),
        Parametrization = ReadParametrization(parsed.GetValue(_parametrization)!),
    };

    /// <summary>The prefix file that training starts from; null for none.</summary>
    public string? StartFile(ParseResult parsed) =>
        OptionText.Split(parsed.GetValue(_start)!) is ("file", { } path) ? path : null;

    private static PrefixMethod ReadMethod(string text) => text.Split(':') switch
    {
        ["prefix"] => PrefixMethod.Prefix,
        ["embedding-only"] => PrefixMethod.EmbeddingOnly,
        ["infix"] => PrefixMethod.Infix,
        ["text"] => PrefixMethod.Text,
        ["trigger-words"] => PrefixMethod.TriggerWords(),
        ["trigger-words", var steps] => PrefixMethod.TriggerWords(steps: Number<int>("--method", steps)),
        ["trigger-words", var steps, var candidates] =>
            PrefixMethod.TriggerWords(Number<int>("--method", candidates), Number<int>("--method", steps)),
        _ => throw new UsageException(
            "--method: expected prefix, embedding-only, infix, text, trigger-words, trigger-words:STEPS or"
                + $" trigger-words:STEPS:CANDIDATES, found '{text}'."),
    };

    private static Parametrization ReadParametrization(string text) => text.Split(':') switch
    {
        ["direct"] => Parametrization.Direct,
        ["mlp", .. { Length: <= 3 } shape] => OfNetwork(shape, Parametrization.Mlp),
        ["residual-mlp", .. { Length: <= 3 } shape] => OfNetwork(shape, Parametrization.ResidualMlp),
        _ => throw new UsageException(
            "--parametrization: expected direct, mlp or residual-mlp, the last two with :WIDTH, :WIDTH:DEPTH or"
                + $" :WIDTH:DEPTH:DROPOUT behind them if wanted, found '{text}'."),
    };

    /// <summary>Width, depth and dropout; those that are not there keep their defaults.</summary>
    private static Parametrization OfNetwork(string[] values, Func<int, int, double, Parametrization> make)
    {
        var shape = new PrefixNetworkShape();
        if (values.Length > 0)
            shape = shape with { Hidden = Number<int>("--parametrization", values[0]) };
        if (values.Length > 1)
            shape = shape with { Depth = Number<int>("--parametrization", values[1]) };
        if (values.Length > 2)
            shape = shape with { Dropout = Number<double>("--parametrization", values[2]) };
        return make(shape.Hidden, shape.Depth, shape.Dropout);
    }

    private static T Number<T>(string option, string text)
    {
        try
        {
            return (T)OptionText.Parse(typeof(T), text);
        }
        catch (FormatException fault)
        {
            throw new UsageException($"{option}: {fault.Message}");
        }
    }

    private static PrefixStart ReadStart(string text) => OptionText.Split(text) switch
    {
        ("text", null) => PrefixStart.DefaultText,
        ("text", { } words) => PrefixStart.FromText(words),
        ("zero", null) => PrefixStart.Zero,
        ("random", null) => PrefixStart.Random(),
        ("random", { } scale) => PrefixStart.Random(Number<double>("--prefix-start", scale)),
        ("file", { } path) => PrefixStart.FromPrefix(Prefix.Load(path)),
        _ => throw new UsageException(
            $"--prefix-start: expected text, text:WORDS, zero, random, random:SCALE or file:PATH, found '{text}'."),
    };
}
