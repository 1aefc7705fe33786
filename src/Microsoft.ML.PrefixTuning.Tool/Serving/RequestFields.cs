using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>
/// The fields of OpenAI's requests: those that are honoured, and those that may be there with a value that asks for
/// nothing. Any other field, and any other value of these, is refused by name.
/// </summary>
internal static class RequestFields
{
    private static readonly string Nearest = $"0 to {TextGenerator.MostLogProbabilities}: how many of the most"
        + " probable tokens are told beside each token.";

    /// <summary>Fields of both kinds of requests.</summary>
    private static readonly RequestField[] Both =
    [
        new("model", "string", "A prefix's name, base:prefix, or the base's own name for none. Required."),
        new("max_tokens", "integer", "New tokens at most, the end token included."),
        new("temperature", "number", "0 is greedy; above it tokens are drawn. Without it and a top_p below 1, as the"
            + " prefix was saved."),
        new("top_p", "number", "Smallest probability mass that is drawn from. 1 without a temperature asks for"
            + " nothing."),
        new("n", "integer", "Texts; more than one are drawn, and not streamed."),
        new("stream", "boolean", "Whether the text comes in pieces, as server-sent events."),
        new("stream_options", "object", "include_usage: whether the last piece has the counts of tokens."),
        new("stop", "any", "A string or several that end the text and do not belong to it."),
        new("seed", "integer", "Of drawing; without it 0, so that the same request has the same text."),
        Neutral("presence_penalty", "0", IsZero),
        Neutral("frequency_penalty", "0", IsZero),
        Neutral("logit_bias", "an empty object", value => IsEmptyObject(value)),
        Neutral("user", "any string", value => value.ValueKind == JsonValueKind.String),
    ];

    private static readonly RequestField[] OfCompletions =
    [
        new("prompt", "any", "The text, or an array with one; the prefix's template is put around it. Required."),
        new("logprobs", "integer", Nearest),
        Neutral("echo", "false", IsFalse),
        Neutral("suffix", "an empty string", value => value.ValueKind == JsonValueKind.String
            && value.GetString()!.Length == 0),
        Neutral("best_of", "1", value => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int best)
            && best == 1),
    ];

    private static readonly RequestField[] OfChats =
    [
        new("messages", "array", "Messages with role and content (a string, or parts of text); the last one the user's."
            + " Required."),
        new("max_completion_tokens", "integer", "As max_tokens."),
        new("logprobs", "boolean", "Whether the log-probabilities of tokens are told."),
        new("top_logprobs", "integer", Nearest),
        Neutral("response_format", "{\"type\": \"text\"}", value => value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty("type", out JsonElement type) && Is(type, "text")),
        Neutral("tools", "an empty array", IsEmptyArray),
        Neutral("tool_choice", "none or auto", value => Is(value, "none", "auto")),
        Neutral("parallel_tool_calls", "any boolean", value => IsBoolean(value)),
        Neutral("functions", "an empty array", IsEmptyArray),
        Neutral("function_call", "none or auto", value => Is(value, "none", "auto")),
        Neutral("modalities", "[\"text\"]", value => value.ValueKind == JsonValueKind.Array
            && value.EnumerateArray().All(one => Is(one, "text"))),
        Neutral("reasoning_effort", "none", value => Is(value, "none")),
        Neutral("service_tier", "auto or default", value => Is(value, "auto", "default")),
        Neutral("store", "false", IsFalse),
        Neutral("metadata", "an object", value => value.ValueKind == JsonValueKind.Object),
        Neutral("safety_identifier", "any string", value => value.ValueKind == JsonValueKind.String),
        Neutral("prompt_cache_key", "any string", value => value.ValueKind == JsonValueKind.String),
        Neutral("prompt_cache_retention", "any string", value => value.ValueKind == JsonValueKind.String),
        Neutral("audio", "null", _ => false),
        Neutral("prediction", "null", _ => false),
        Neutral("verbosity", "medium", value => Is(value, "medium")),
        Neutral("web_search_options", "null", _ => false),
    ];

    private static readonly Dictionary<string, RequestField> KnownOfCompletions =
        Of(isChat: false).ToDictionary(field => field.Name);

    private static readonly Dictionary<string, RequestField> KnownOfChats =
        Of(isChat: true).ToDictionary(field => field.Name);

    /// <summary>The fields of a request.</summary>
    public static IEnumerable<RequestField> Of(bool isChat) => (isChat ? OfChats : OfCompletions).Concat(Both);

    /// <summary>Refuses a body that is no object, or has a field that is not honoured.</summary>
    /// <exception cref="ApiException">It has.</exception>
    public static void Check(JsonElement body, bool isChat)
    {
        if (body.ValueKind != JsonValueKind.Object)
            throw new ApiException(400, $"expected a JSON object, found {Kind(body)}.");
        Dictionary<string, RequestField> known = isChat ? KnownOfChats : KnownOfCompletions;
        foreach (JsonProperty property in body.EnumerateObject())
        {
            if (!known.TryGetValue(property.Name, out RequestField? field))
            {
                string name = property.Name.Length > 100 ? property.Name[..100] : property.Name;
                throw new ApiException(400, $"{name}: expected a field that is known here, which are"
                    + $" {string.Join(", ", known.Keys)}.", name, "unknown_field");
            }
            if (property.Value.ValueKind != JsonValueKind.Null && field.IsNeutral?.Invoke(property.Value) == false)
                throw new ApiException(400, $"{field.Name}: expected {field.Neutral} or null; anything else would"
                    + " change the text and is not honoured here.", field.Name, "unsupported_value");
        }
    }

    /// <summary>What a value is, for messages.</summary>
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => value.GetRawText() is { Length: <= 30 } text ? text : "a number",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };

    private static RequestField Neutral(string name, string neutral, Func<JsonElement, bool> isNeutral) =>
        new(name, "any", $"Without effect: {neutral} or null.") { Neutral = neutral, IsNeutral = isNeutral };

    private static bool IsZero(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && FieldReader.IsZero(value);

    private static bool IsFalse(JsonElement value) => value.ValueKind == JsonValueKind.False;

    private static bool IsBoolean(JsonElement value) => value.ValueKind is JsonValueKind.False or JsonValueKind.True;

    private static bool IsEmptyArray(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;

    private static bool IsEmptyObject(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any();

    private static bool Is(JsonElement value, params string[] texts) =>
        value.ValueKind == JsonValueKind.String && Array.Exists(texts, text => value.ValueEquals(text));
}

/// <summary>A field of a request.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its JSON type, or <c>any</c>.</param>
/// <param name="Description">What it does.</param>
internal sealed record RequestField(string Name, string Type, string Description)
{
    /// <summary>The value that asks for nothing, in words; null where the field is honoured.</summary>
    public string? Neutral { get; init; }

    /// <summary>Whether a value asks for nothing; null where the field is honoured.</summary>
    public Func<JsonElement, bool>? IsNeutral { get; init; }
}
