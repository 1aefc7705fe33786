using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>The messages of a chat's body.</summary>
internal static class ChatBody
{
    private const string Field = "messages", Expected = "an array of one message or more";

    // Of an assistant's message that comes back: without effect where they are null or empty.
    private static readonly string[] Empty =
        ["name", "refusal", "audio", "tool_calls", "function_call", "annotations", "tool_call_id"];

    /// <summary>Reads them.</summary>
    /// <exception cref="ApiException">One has another role or other content than text.</exception>
    public static IReadOnlyList<TextMessage> Messages(FieldReader fields)
    {
        if (fields.Find(Field) is not { } list)
            throw fields.Missing(Field, "the messages of a chat");
        if (list.ValueKind != JsonValueKind.Array)
            throw FieldReader.Wrong(Field, Expected, list);
        if (list.GetArrayLength() == 0)
            throw new ApiException(400, $"{Field}: expected {Expected}, found an empty one.", Field);
        return [.. list.EnumerateArray().Select(Message)];
    }

    private static TextMessage Message(JsonElement message, int index)
    {
        string place = $"{Field}[{index}]";
        if (message.ValueKind != JsonValueKind.Object)
            throw FieldReader.Wrong(place, "an object with role and content", message);
        foreach (JsonProperty part in message.EnumerateObject())
        {
            bool isKnown = part.Name is "role" or "content" || Empty.Contains(part.Name) && IsEmpty(part.Value);
            if (!isKnown)
                throw new ApiException(400, $"{place}: expected role and content with text alone, found"
                    + $" {(Empty.Contains(part.Name) ? part.Name : "another field")}.", Field);
        }
        var fields = new FieldReader(message, place + ".");
        string role = fields.Text("role") ?? throw fields.Missing("role", "system, user or assistant");
        JsonElement content = fields.Find("content") ?? throw fields.Missing("content", "a text");
        return new TextMessage(Role(role, place), Content(content, place + ".content"));
    }

    private static MessageRole Role(string role, string place) => role switch
    {
        // What "system" is called in later models.
        "system" or "developer" => MessageRole.System,
        "user" => MessageRole.User,
        "assistant" => MessageRole.Assistant,
        _ => throw new ApiException(400, $"{place}.role: expected system, developer, user or assistant, found another"
            + " one.", Field),
    };

    private static string Content(JsonElement content, string place)
    {
        if (content.ValueKind != JsonValueKind.Array)
            return FieldReader.Text(content, place);
        var text = new StringBuilder();
        foreach (JsonElement part in content.EnumerateArray())
        {
            bool isText = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out JsonElement type)
                && type.ValueKind == JsonValueKind.String && type.ValueEquals("text");
            if (!isText || !part.TryGetProperty("text", out JsonElement own))
                throw new ApiException(400, $"{place}: expected parts of type text, found another one.", Field);
            text.Append(FieldReader.Text(own, place));
        }
        return text.ToString();
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        _ => false,
    };
}
