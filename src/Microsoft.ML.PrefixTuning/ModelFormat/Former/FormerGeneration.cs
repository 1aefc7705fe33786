using System.Collections.Generic;
using System.Text.Json.Nodes;

namespace Microsoft.ML.PrefixTuning.ModelFormat.Former;

/// <summary>
/// Options of format 0x00010001, where a decoding was a word and its settings stood among the others. Frozen: nothing
/// new belongs here.
/// </summary>
internal static class FormerGeneration
{
    private static readonly Dictionary<string, string[]> Settings = new()
    {
        ["greedy"] = [],
        ["beam"] = ["width", "lengthPenalty", "earlyStopping"],
        ["sampling"] = ["temperature", "topK", "topP", "seed"],
    };

    /// <summary>
    /// Puts the settings of a decoding into an object of its own; options of later formats stay as they are.
    /// </summary>
    public static void Renew(JsonObject generation)
    {
        if (generation["decoding"] is not JsonValue word || !word.TryGetValue(out string? kind))
            return;
        var decoding = new JsonObject { ["kind"] = kind };
        foreach (string setting in Settings.GetValueOrDefault(kind, []))
        {
            if (generation[setting] is { } value)
                decoding[setting] = value.DeepClone();
        }
        generation["decoding"] = decoding;
    }
}
