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

    /// <summary>Adds the options to a command.</summary>
    public PrefixArguments(Verb command)
    {
        command.Options.Add(_start);
        _options = new RecordOptions<PrefixOptions>(command, prefix: "prefix-", without: [nameof(PrefixOptions.Start)]);
    }

    /// <summary>The options of the command line.</summary>
    /// <exception cref="UsageException">The start is none.</exception>
    public PrefixOptions Read(ParseResult parsed) => _options.Read(parsed, new PrefixOptions()) with { Start = ReadStart(parsed.GetValue(_start)!) };

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
