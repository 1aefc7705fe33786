using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>What a client asks for, read from the body of his request.</summary>
internal sealed record CompletionRequest
{
    private const int MostStops = 16;

    // OpenAI's.
    private const int MostTexts = 128;

    // What the library says where a request takes more than all requests together may.
    private const string TooManyTokens = "Request: expected at most CacheTokens = ";

    // What it says of a prefix that is not there.
    private const string NoPrefix = "Request, prefix: ";

    // What fields become, as the library calls it.
    private static readonly (string Path, string Field)[] Fields =
    [
        ("Decoding.Temperature", "temperature"), ("Decoding.TopP", "top_p"), ("Decoding", "n"), ("SequenceCount", "n"),
        ("StopStrings", "stop"),
    ];

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The text; null for a chat.</summary>
    public string? Prompt { get; init; }

    /// <summary>The messages of a chat; null for a text.</summary>
    public IReadOnlyList<TextMessage>? Messages { get; init; }

    /// <summary>New tokens at most; null for what the model has.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The field that says so.</summary>
    public string MaxTokensField { get; init; } = "max_tokens";

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? Seed { get; init; }

    /// <summary>Texts; also of a model that was saved with several, one where nothing is asked.</summary>
    public int Count { get; init; } = 1;

    public bool IsStreamed { get; init; }

    /// <summary>Whether a stream tells the counts of tokens at its end.</summary>
    public bool IncludesUsage { get; init; }

    public IReadOnlyList<string> Stops { get; init; } = [];

    /// <summary>Most probable tokens beside each; null where nothing is told.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>Whether it is a chat.</summary>
    public bool IsChat => Messages is not null;

    /// <summary>What was asked, for a log.</summary>
    public string Shown => Prompt ?? string.Join(" | ", Messages!.Select(message => message.Text));

    /// <summary>Reads a body.</summary>
    /// <exception cref="ApiException">A field is missing, not honoured or of another kind.</exception>
    public static CompletionRequest Read(JsonElement body, bool isChat)
    {
        RequestFields.Check(body, isChat);
        var fields = new FieldReader(body);
        string limitField = fields.Has("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
        int? limit = fields.Whole(limitField);
        if (limitField != "max_tokens" && fields.Whole("max_tokens") is { } other && other != limit)
            throw new ApiException(400, $"max_tokens: expected nothing else than max_completion_tokens = {limit},"
                + $" found {other}.", "max_tokens");
        return new CompletionRequest
        {
            Model = fields.Text("model") ?? throw fields.Missing("model", "a model's name"),
            Prompt = isChat ? null : ReadPrompt(fields),
            Messages = isChat ? ChatBody.Messages(fields) : null,
            MaxTokens = limit,
            MaxTokensField = limitField,
            Temperature = Rounded(fields, "temperature", "0, or 0.001 to 1000",
                number => number is 0 or (>= 0.001 and <= 1000)),
            TopP = Rounded(fields, "top_p", "above 0 and at most 1", number => number is > 0 and <= 1),
            Seed = fields.Whole("seed"),
            Count = fields.Whole("n", 1, MostTexts) ?? 1,
            IsStreamed = fields.Flag("stream"),
            IncludesUsage = ReadStreamOptions(fields),
            Stops = ReadStops(fields),
            LogProbabilities = isChat ? ReadChatLogProbabilities(fields)
                : fields.Whole("logprobs", 0, TextGenerator.MostLogProbabilities),
        };
    }

    /// <summary>How the text is written.</summary>
    /// <param name="own">What holds where nothing is asked.</param>
    /// <param name="ownTokens">New tokens that a text then has at most.</param>
    /// <param name="mostTokens">New tokens that may be asked for.</param>
    /// <exception cref="ApiException">More tokens are asked for, or a stream of what cannot be one.</exception>
    public GenerationOptions Generation(GenerationOptions own, int ownTokens, int mostTokens)
    {
        if (IsStreamed && Count > 1)
            throw new ApiException(400, $"n: expected 1 where stream is true, found {Count}.", "n");
        if (MaxTokens > mostTokens)
        {
            throw new ApiException(400, $"{MaxTokensField}: expected at most {mostTokens}, as this server allows,"
                + $" found {MaxTokens}.", MaxTokensField);
        }
        GenerationOptions asked = ChatGeneration.Of(new ChatOptions
        {
            Temperature = (float?)Temperature,
            // Below 1 tokens are drawn, also where single precision would make 1 of it.
            TopP = TopP is double mass and < 1 ? MathF.Min((float)mass, MathF.BitDecrement(1)) : (float?)TopP,
            Seed = Seed,
            MaxOutputTokens = MaxTokens ?? Math.Min(ownTokens, mostTokens),
            StopSequences = [.. Stops],
        }, own) with
        {
            SequenceCount = Count,
        };
        if (IsStreamed && asked.Decoding is BeamDecoding)
        {
            throw new ApiException(400, "stream: expected false or a temperature, since this model was saved with"
                + " beams, whose text is certain only at its end; found true.", "stream");
        }
        return asked;
    }

    /// <summary>A message of the library with the names of fields in the place of options'.</summary>
    public string Named(string message)
    {
        if (message.StartsWith(TooManyTokens, StringComparison.Ordinal))
            return $"{FieldOf(message)}: expected at most {message[TooManyTokens.Length..]}";
        if (message.StartsWith(NoPrefix, StringComparison.Ordinal))
            return $"model: {message[NoPrefix.Length..]}";
        var words = new OptionWords();
        foreach ((string path, string field) in Fields)
            words.Add(path, field);
        words.Add("MaxNewTokens", MaxTokensField);
        return words.Of(message);
    }

    /// <summary>The field that a message of the library is about; null where it is none.</summary>
    public string? FieldOf(string message) => message switch
    {
        _ when message.StartsWith("MaxNewTokens", StringComparison.Ordinal)
            || message.StartsWith("MinNewTokens", StringComparison.Ordinal)
            || message.StartsWith("Generation.MinNewTokens", StringComparison.Ordinal) => MaxTokensField,
        _ when message.StartsWith("Decoding.temperature", StringComparison.Ordinal) => "temperature",
        _ when message.StartsWith("Decoding.topP", StringComparison.Ordinal) => "top_p",
        _ when message.StartsWith("Decoding", StringComparison.Ordinal)
            || message.StartsWith("SequenceCount", StringComparison.Ordinal)
            || Count > 1 && message.StartsWith(TooManyTokens, StringComparison.Ordinal) => "n",
        _ when MaxTokens is not null && message.StartsWith(TooManyTokens, StringComparison.Ordinal) => MaxTokensField,
        _ when message.StartsWith(NoPrefix, StringComparison.Ordinal) => "model",
        _ when message.StartsWith("StopStrings", StringComparison.Ordinal) => "stop",
        _ when message.StartsWith("Request, LogProbabilities", StringComparison.Ordinal) => "logprobs",
        _ when message.StartsWith("Request", StringComparison.Ordinal)
            || message.StartsWith("Chat template", StringComparison.Ordinal) => IsChat ? "messages" : "prompt",
        _ => null,
    };

    /// <summary>
    /// A number, or null. In single precision, which writes the text, it is 0 only where it is 0 as it is written, and
    /// in its range only where it was.
    /// </summary>
    private static double? Rounded(FieldReader fields, string name, string expected, Func<double, bool> isGood)
    {
        if (fields.Number(name) is not { } number)
            return null;
        JsonElement written = fields.Find(name)!.Value;
        bool isLost = (float)number == 0 && !FieldReader.IsZero(written);
        return isLost || isGood((float)number) && !isGood(number)
            ? throw FieldReader.Wrong(name, expected, written) : number;
    }

    private static string ReadPrompt(FieldReader fields)
    {
        if (fields.Find("prompt") is { ValueKind: JsonValueKind.Array } list)
        {
            if (list.GetArrayLength() != 1 || list[0].ValueKind != JsonValueKind.String)
                throw new ApiException(400, "prompt: expected a string, or an array with one; several prompts are"
                    + $" several requests here; found {(list.GetArrayLength() == 1
                        ? $"an array with {RequestFields.Kind(list[0])}" : $"an array of {list.GetArrayLength()}")}.",
                    "prompt");
            return FieldReader.Text(list[0], "prompt");
        }
        return fields.Text("prompt") ?? throw fields.Missing("prompt", "a text");
    }

    private static int? ReadChatLogProbabilities(FieldReader fields)
    {
        int? top = fields.Whole("top_logprobs", 0, TextGenerator.MostLogProbabilities);
        bool isAsked = fields.Flag("logprobs");
        if (top is not null && !isAsked)
            throw new ApiException(400, "top_logprobs: expected nothing where logprobs is not true.", "top_logprobs");
        return isAsked ? top ?? 0 : null;
    }

    private static bool ReadStreamOptions(FieldReader fields)
    {
        if (fields.Find("stream_options") is not { } options)
            return false;
        if (!fields.Flag("stream"))
            throw new ApiException(400, "stream_options: expected nothing where stream is not true.",
                "stream_options");
        if (options.ValueKind != JsonValueKind.Object)
            throw new ApiException(400, $"stream_options: expected an object, found {RequestFields.Kind(options)}.",
                "stream_options");
        var asked = new FieldReader(options, "stream_options.");
        foreach (JsonProperty option in options.EnumerateObject())
        {
            // Obfuscation pads a stream against those who watch its sizes; ours does not.
            bool isKnown = option.Name == "include_usage"
                || option.Name == "include_obfuscation" && !asked.Flag(option.Name);
            if (!isKnown)
                throw new ApiException(400, "stream_options: expected include_usage alone, found another option.",
                    "stream_options");
        }
        return asked.Flag("include_usage");
    }

    private static IReadOnlyList<string> ReadStops(FieldReader fields)
    {
        if (fields.Find("stop") is not { } stop)
            return [];
        if (stop.ValueKind != JsonValueKind.Array)
            return [fields.Text("stop")!];
        if (stop.GetArrayLength() > MostStops)
            throw new ApiException(400, string.Create(CultureInfo.InvariantCulture,
                $"stop: expected at most {MostStops} strings, found {stop.GetArrayLength()}."), "stop");
        return [.. stop.EnumerateArray().Select(one => FieldReader.Text(one, "stop"))];
    }
}
