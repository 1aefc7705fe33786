using System;
using System.Globalization;
using System.Linq;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Options of a chat to those of a generator.</summary>
internal static class ChatGeneration
{
    /// <summary>How a chat's text is written.</summary>
    /// <param name="options">What the chat asks for, or null.</param>
    /// <param name="own">What holds where it asks for nothing.</param>
    /// <exception cref="NotSupportedException">It asks for what is not honoured here.</exception>
    /// <exception cref="ArgumentException">An option has no good value.</exception>
    public static GenerationOptions Of(ChatOptions? options, GenerationOptions own)
    {
        if (options is null)
            return own;
        Refuse(options);
        return own with
        {
            Decoding = Decoding(options, own.Decoding),
            // Greedy decoding has one text, however many the generator has of its own.
            SequenceCount = options.Temperature == 0 ? 1 : own.SequenceCount,
            MaxNewTokens = options.MaxOutputTokens ?? own.MaxNewTokens,
            StopStrings = options.StopSequences is { Count: > 0 } stops
                ? [.. own.StopStrings.Union(stops, StringComparer.Ordinal)] : own.StopStrings,
        };
    }

    private static Decoding Decoding(ChatOptions options, Decoding own)
    {
        if (options.Temperature == 0)
            return PrefixTuning.Decoding.Greedy;
        // By itself a TopP of 1 is what clients send who ask for nothing.
        float? asked = options is { Temperature: null, TopK: null, TopP: 1 } ? null : options.TopP;
        bool draws = options.Temperature is not null || asked is not null || options.TopK is not null;
        if (own is not SamplingDecoding && !draws)
            return own;
        var sampling = own as SamplingDecoding ?? new SamplingDecoding();
        return sampling with
        {
            Temperature = options.Temperature is { } temperature ? Exact(temperature) : sampling.Temperature,
            TopP = asked is { } topP ? Exact(topP) : sampling.TopP,
            TopK = options.TopK ?? sampling.TopK,
            Seed = options.Seed is { } seed ? Seed(seed) : sampling.Seed,
        };
    }

    // 0.7 as it was meant, not 0.699999988.
    private static double Exact(float value) =>
        double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static int Seed(long seed) => seed is >= int.MinValue and <= int.MaxValue ? (int)seed
        : throw new ArgumentException($"ChatOptions.Seed: expected {int.MinValue} to {int.MaxValue}, found {seed}.",
            nameof(ChatOptions.Seed));

    private static void Refuse(ChatOptions options)
    {
        That(options.FrequencyPenalty is null or 0, nameof(options.FrequencyPenalty), "0 or null");
        That(options.PresencePenalty is null or 0, nameof(options.PresencePenalty), "0 or null");
        That(options.ResponseFormat is null or ChatResponseFormatText, nameof(options.ResponseFormat), "text or null");
        That(options.Tools is null or { Count: 0 } || options.ToolMode is NoneChatToolMode, nameof(options.Tools),
            "none");
        That(options.ToolMode is not RequiredChatToolMode, nameof(options.ToolMode), "no tool that is required");
        That(options.Reasoning is null or { Effort: null or ReasoningEffort.None }, nameof(options.Reasoning),
            "no effort or null");
        That(options.ConversationId is null, nameof(options.ConversationId),
            "null, with all messages in the request");
    }

    private static void That(bool isHonoured, string option, string expected)
    {
        if (!isHonoured)
            throw new NotSupportedException($"ChatOptions.{option}: expected {expected}; anything else would change the"
                + " text and is not honoured here.");
    }
}
