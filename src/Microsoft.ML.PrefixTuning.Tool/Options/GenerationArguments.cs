using System.CommandLine;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>How text is written, as options of a command.</summary>
internal sealed class GenerationArguments
{
    private readonly RecordOptions<GenerationOptions> _options;
    private readonly Option<string> _decoding = new("--decoding")
    {
        Description = "How the next token is chosen.",
        HelpName = "greedy|beam|sampling",
        DefaultValueFactory = _ => "greedy"
    };
    private readonly Option<int> _beamWidth =
        new("--beam-width")
        {
            Description = "Beginnings that a beam search keeps.",
            DefaultValueFactory = _ =>
        4,
            HelpName = "number"
        };
    private readonly Option<double> _beamLengthPenalty =
        new("--beam-length-penalty")
        {
            Description =
        "A beam's score is its log-probability over its length to this power.",
            DefaultValueFactory = _ =>
        1,
            HelpName = "number"
        };
    private readonly Option<bool> _beamEarlyStopping =
        new("--beam-early-stopping") { Description = "Stop a beam search at as many finished texts as it is wide." };
    private readonly Option<double> _temperature =
        new("--temperature")
        {
            Description = "Divides the logits of sampling; above 0.",
            DefaultValueFactory = _ =>
        1,
            HelpName = "number"
        };
    private readonly Option<int> _topK =
        new("--top-k")
        {
            Description = "Tokens that sampling draws from at most; 0 means all.",
            DefaultValueFactory = _ => 0,
            HelpName = "number"
        };
    private readonly Option<double> _topP =
        new("--top-p")
        {
            Description = "Smallest probability mass that sampling draws from.",
            DefaultValueFactory = _ =>
        1,
            HelpName = "number"
        };
    private readonly Option<int> _samplingSeed =
        new("--sampling-seed") { Description = "Seed of sampling.", DefaultValueFactory = _ => 0, HelpName = "number" };

    /// <summary>Adds the options to a command.</summary>
    public GenerationArguments(Verb command)
    {
        _decoding.AcceptOnlyFromAmong("greedy", "beam", "sampling");
        foreach (Option option in (Option[])[_decoding, .. BeamOptions, .. SamplingOptions])
            command.Options.Add(option);
        _options = new RecordOptions<GenerationOptions>(command, fallback: "generation-",
            without: [nameof(GenerationOptions.Decoding)]);
    }

    private Option[] BeamOptions => [_beamWidth, _beamLengthPenalty, _beamEarlyStopping];

    private Option[] SamplingOptions => [_temperature, _topK, _topP, _samplingSeed];

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) =>
        _options.IsAnyGiven(parsed)
            || ((Option[])[_decoding, .. BeamOptions, .. SamplingOptions]).Any(option => IsGiven(parsed, option));

    /// <summary>The options of the command line over others.</summary>
    /// <exception cref="UsageException">An option belongs to another decoding.</exception>
    public GenerationOptions Read(ParseResult parsed, GenerationOptions start) =>
        _options.Read(parsed, start) with { Decoding = ReadDecoding(parsed, start.Decoding) };

    private Decoding ReadDecoding(ParseResult parsed, Decoding start)
    {
        string kind = IsGiven(parsed, _decoding) ? parsed.GetValue(_decoding)!
            : start is BeamDecoding ? "beam" : start is SamplingDecoding ? "sampling" : "greedy";
        Refuse(parsed, kind, "beam", BeamOptions);
        Refuse(parsed, kind, "sampling", SamplingOptions);
        var beam = start as BeamDecoding;
        var sampling = start as SamplingDecoding;
        return kind switch
        {
            "beam" => Decoding.Beam(Over(parsed, _beamWidth, beam?.Width),
                Over(parsed, _beamLengthPenalty, beam?.LengthPenalty),
                Over(parsed, _beamEarlyStopping, beam?.EarlyStopping)),
            "sampling" =>
                Decoding.Sampling(Over(parsed, _temperature, sampling?.Temperature),
                Over(parsed, _topK, sampling?.TopK),
                Over(parsed, _topP, sampling?.TopP), Over(parsed, _samplingSeed, sampling?.Seed)),
            _ => Decoding.Greedy,
        };
    }

    private static T Over<T>(ParseResult parsed, Option<T> option, T? start)
        where T : struct => start is T known && !IsGiven(parsed, option) ? known : parsed.GetValue(option);

    private static void Refuse(ParseResult parsed, string kind, string owner, Option[] options)
    {
        if (kind != owner && options.FirstOrDefault(option => IsGiven(parsed, option)) is { } stray)
            throw new UsageException($"{stray.Name} belongs to '--decoding {owner}', found '{kind}'.");
    }

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };
}
