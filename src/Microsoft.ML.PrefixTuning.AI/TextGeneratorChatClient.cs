using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.PrefixTuning;

/// <summary>A generator behind <see cref="IChatClient"/>. Owns nothing.</summary>
internal sealed class TextGeneratorChatClient : IChatClient
{
    private const string Provider = "microsoft.ml.prefixtuning";

    private readonly TextGenerator _generator;
    private readonly string? _prefix;
    private readonly ChatClientMetadata _metadata;

    /// <exception cref="ArgumentException">The generator has no prefix of this name.</exception>
    public TextGeneratorChatClient(TextGenerator generator, string? prefix)
    {
        if (prefix is not null && !generator.PrefixNames.Contains(prefix))
        {
            throw new ArgumentException($"AsChatClient, prefix: expected one of the generator's ("
                + $"{string.Join(", ", generator.PrefixNames.Order(StringComparer.Ordinal))}), found '{prefix}'.",
                nameof(prefix));
        }
        (_generator, _prefix) = (generator, prefix);
        _metadata = new ChatClientMetadata(Provider, providerUri: null, prefix);
    }

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        TextRequest request = Request(messages, options);
        TextResult result = await _generator.GenerateAsync(request, cancellationToken).ConfigureAwait(false);
        string id = NewId();
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, result.Text) { MessageId = id })
        {
            ResponseId = id,
            ModelId = request.Prefix,
            CreatedAt = DateTimeOffset.UtcNow,
            FinishReason = Reason(result.FinishReason),
            Usage = Usage(result),
            RawRepresentation = result,
        };
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages,
        ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        // What is wrong with a request is said by the call itself.
        TextRequest request = Request(messages, options);
        return Updates(_generator.StreamAsync(request, cancellationToken), request.Prefix, cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_generator) ? _generator
            : null;
    }

    public void Dispose()
    {
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Updates(IAsyncEnumerable<TextPiece> pieces,
        string? model, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string id = NewId();
        DateTimeOffset created = DateTimeOffset.UtcNow;
        await foreach (TextPiece piece in pieces.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            var update = new ChatResponseUpdate(ChatRole.Assistant, [])
            {
                ResponseId = id,
                MessageId = id,
                ModelId = model,
                CreatedAt = created,
                RawRepresentation = piece,
            };
            if (piece.Text.Length > 0)
                update.Contents.Add(new TextContent(piece.Text));
            if (piece.Result is { } result)
            {
                update.FinishReason = Reason(result.FinishReason);
                update.Contents.Add(new UsageContent(Usage(result)));
            }
            yield return update;
        }
    }

    private TextRequest Request(IEnumerable<ChatMessage> messages, ChatOptions? options) =>
        new(ChatMessages.Of(messages, options?.Instructions))
        {
            Prefix = options?.ModelId ?? _prefix,
            Generation = ChatGeneration.Of(options, options?.RawRepresentationFactory?.Invoke(this)
                as GenerationOptions ?? _generator.Generation),
        };

    private static string NewId() => $"{Guid.NewGuid():N}";

    private static UsageDetails Usage(TextResult result) => new()
    {
        InputTokenCount = result.PromptTokens,
        OutputTokenCount = result.NewTokens,
        TotalTokenCount = result.PromptTokens + result.NewTokens,
    };

    private static ChatFinishReason Reason(FinishReason reason) => reason switch
    {
        FinishReason.Length => ChatFinishReason.Length,
        FinishReason.NoTokenAllowed => new ChatFinishReason("no_token_allowed"),
        _ => ChatFinishReason.Stop,
    };
}
