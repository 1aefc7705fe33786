using System;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Generators as chat clients.</summary>
public static class TextGeneratorChatExtensions
{
    /// <summary>Makes a chat client that writes with a generator.</summary>
    /// <param name="generator">The generator; stays the caller's, also when the client is disposed.</param>
    /// <param name="prefix">
    /// The prefix of requests that name none (<see cref="ChatOptions.ModelId"/>), one of
    /// <see cref="TextGenerator.PrefixNames"/>; null for the prefix that has no name, or the base alone.
    /// </param>
    /// <returns>The client, safe for concurrent use.</returns>
    /// <remarks>
    /// <para>What a chat becomes is told at <see cref="TextRequest.Messages"/>; <see cref="ChatOptions.Instructions"/>
    /// are a system message in front.</para>
    /// <para>Options of a request go before those of <see cref="TextGenerator.Generation"/>, or of the
    /// <see cref="GenerationOptions"/> that <see cref="ChatOptions.RawRepresentationFactory"/> makes: a temperature of
    /// 0 is greedy; one above it, top-p or top-k draw, from seed 0 where none is given, so that the same request has
    /// the same text; stop sequences come to those that are there. Not honoured, and refused with a
    /// <see cref="NotSupportedException"/> that names them, are tools, penalties other than 0, response formats other
    /// than text, reasoning, conversations that are kept elsewhere and contents other than text. Additional properties
    /// have no effect.</para>
    /// <para>A response has the first text; <see cref="ChatResponse.RawRepresentation"/> is the
    /// <see cref="TextResult"/> with all of them.</para>
    /// </remarks>
    /// <exception cref="ArgumentException">The generator has no prefix of this name.</exception>
    /// <example>
    /// <code>
    /// IChatClient client = new ChatClientBuilder(generator.AsChatClient("describe")).UseOpenTelemetry().Build();
    /// ChatResponse response = await client.GetResponseAsync(facts);
    /// </code>
    /// </example>
    public static IChatClient AsChatClient(this TextGenerator generator, string? prefix = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        return new TextGeneratorChatClient(generator, prefix);
    }
}
