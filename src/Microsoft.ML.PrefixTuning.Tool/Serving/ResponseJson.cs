using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>The answers to one request, in the shapes of OpenAI's.</summary>
/// <param name="isChat">Whether it is a chat.</param>
/// <param name="model">The model's name.</param>
/// <param name="includesUsage">
/// Whether a stream tells the counts of tokens at its end; its pieces then say null.
/// </param>
internal sealed class ResponseJson(bool isChat, string model, bool includesUsage = false)
{
    /// <summary>Letters of all scripts stay as they are.</summary>
    public static JsonSerializerOptions Options { get; } =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _id = $"{(isChat ? "chatcmpl" : "cmpl")}-{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private bool _isBegun;

    /// <summary>The whole answer.</summary>
    public JsonObject Whole(TextResult result)
    {
        JsonObject answer = Begin(isChat ? "chat.completion" : "text_completion");
        answer["choices"] = new JsonArray([.. result.Completions.Select(Choice)]);
        answer["usage"] = Usage(result);
        return answer;
    }

    /// <summary>A piece of a streamed answer.</summary>
    public JsonObject Chunk(TextPiece piece)
    {
        var choice = new JsonObject { ["index"] = 0 };
        if (isChat)
        {
            var delta = new JsonObject();
            if (!_isBegun)
                delta["role"] = "assistant";
            if (piece.Text.Length > 0 || !_isBegun)
                delta["content"] = piece.Text;
            choice["delta"] = delta;
        }
        else
        {
            choice["text"] = piece.Text;
        }
        _isBegun = true;
        choice["logprobs"] = piece.LogProbabilities is { Count: > 0 } tokens ? Tokens(tokens) : null;
        choice["finish_reason"] = piece.Result is { } result ? Reason(result.FinishReason) : null;
        return ChunkOf(choice);
    }

    /// <summary>What a streamed answer ends with where counts are asked for.</summary>
    public JsonObject UsageChunk(TextResult result)
    {
        JsonObject chunk = ChunkOf(null);
        chunk["usage"] = Usage(result);
        return chunk;
    }

    private JsonObject ChunkOf(JsonObject? choice)
    {
        JsonObject chunk = Begin(isChat ? "chat.completion.chunk" : "text_completion");
        chunk["choices"] = choice is null ? [] : new JsonArray(choice);
        if (includesUsage)
            chunk["usage"] = null;
        return chunk;
    }

    private JsonObject Begin(string kind) => new()
    {
        ["id"] = _id,
        ["object"] = kind,
        ["created"] = _created,
        ["model"] = model,
    };

    private JsonNode Choice(TextCompletion completion, int index)
    {
        var choice = new JsonObject { ["index"] = index };
        if (isChat)
        {
            choice["message"] = new JsonObject
            {
                ["role"] = "assistant",
                ["content"] = completion.Text,
                ["refusal"] = null,
            };
        }
        else
        {
            choice["text"] = completion.Text;
        }
        choice["logprobs"] = completion.LogProbabilities is { } tokens ? Tokens(tokens) : null;
        choice["finish_reason"] = Reason(completion.FinishReason);
        return choice;
    }

    private static JsonObject Usage(TextResult result) => new()
    {
        ["prompt_tokens"] = result.PromptTokens,
        ["completion_tokens"] = result.NewTokens,
        ["total_tokens"] = result.PromptTokens + result.NewTokens,
    };

    // Clients know these two; that no token may come is an end like any other.
    private static string Reason(FinishReason reason) => reason == FinishReason.Length ? "length" : "stop";

    private JsonObject Tokens(IReadOnlyList<TokenLogProbability> tokens)
    {
        if (isChat)
            return new JsonObject { ["content"] = new JsonArray([.. tokens.Select(ChatToken)]), ["refusal"] = null };
        return new JsonObject
        {
            ["tokens"] = new JsonArray([.. tokens.Select(token => (JsonNode)token.Text)]),
            ["token_logprobs"] = new JsonArray([.. tokens.Select(token => (JsonNode)token.LogProbability)]),
            ["top_logprobs"] = new JsonArray([.. tokens.Select(token => Top(token))]),
            ["text_offset"] = new JsonArray([.. tokens.Select(token => (JsonNode)token.Start)]),
        };
    }

    private static JsonNode ChatToken(TokenLogProbability token)
    {
        JsonObject told = Plain(token);
        told["top_logprobs"] = new JsonArray([.. token.Top.Select(Plain)]);
        return told;
    }

    private static JsonObject Plain(TokenLogProbability token) => new()
    {
        ["token"] = token.Text,
        ["logprob"] = token.LogProbability,
        ["bytes"] = token.Bytes.Count == 0 ? null : new JsonArray([.. token.Bytes.Select(one => (JsonNode)(int)one)]),
    };

    // Parts of characters may be spelt alike: the more probable one stays.
    private static JsonObject Top(TokenLogProbability token)
    {
        var top = new JsonObject();
        foreach (TokenLogProbability one in token.Top)
            top.TryAdd(one.Text, one.LogProbability);
        return top;
    }
}
