using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Serving;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Writes texts for many callers at once: requests of any prefixes, lengths and options are written together over one
/// base, each entering and leaving between two tokens of the others.
/// </summary>
/// <remarks>
/// Safe for concurrent use. In float32 a request's text is the one that the transformer writes for the same row,
/// whatever else is being written. Requests are taken in the order in which they come. Owns native memory and a share
/// of the base: dispose it.
/// </remarks>
public sealed class TextGenerator : IDisposable
{
    private readonly ITextEngine _engine;
    private readonly TextGeneratorOptions _options;
    private readonly PrefixSet _prefixes;
    private readonly RequestLoop _loop;

    /// <summary>Takes ownership of the base, also where it throws.</summary>
    /// <exception cref="InvalidOperationException">A prefix was made for another base.</exception>
    internal TextGenerator(ITextEngine engine, TextSettings settings, PrefixesByValue choice,
        TextGeneratorOptions options)
    {
        (_engine, _options, Generation) = (engine, options, settings.Generation);
        try
        {
            _prefixes = new PrefixSet(choice, settings, engine);
            _ = Rules(Generation);
            var limits = new DecodingLimits(options.MaxRows)
            {
                Tokens = options.CacheTokens,
                PieceTokens = options.PromptPiece,
                IsOpen = true,
            };
            _loop = new RequestLoop(engine, engine.OpenLoop(), limits, options.QueueLimit)
            {
                Threads = settings.Threads,
            };
        }
        catch
        {
            _prefixes?.Dispose();
            engine.Dispose();
            throw;
        }
    }

    /// <summary>How texts are written where a request does not say.</summary>
    public GenerationOptions Generation { get; }

    /// <summary>The names that a request may give for its prefix.</summary>
    public IReadOnlyCollection<string> PrefixNames => _prefixes.Names;

    /// <summary>Writes the text of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Ends it, at the next token.</param>
    /// <exception cref="ArgumentException">
    /// An option has no good value, the prefix is not known (the message has those that are), or the prompt does not
    /// fit the context window or <see cref="TextGeneratorOptions.CacheTokens"/>, or this model has no place for the
    /// messages (<see cref="TextRequest.Messages"/>).
    /// </exception>
    /// <exception cref="NotSupportedException">The base's chat template is none of those known.</exception>
    /// <exception cref="GeneratorBusyException">
    /// <see cref="TextGeneratorOptions.QueueLimit"/> requests wait already.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The generator was disposed.</exception>
    public async Task<TextResult> GenerateAsync(TextRequest request, CancellationToken cancellationToken = default)
    {
        PreparedRequest prepared = Prepare(request);
        cancellationToken.ThrowIfCancellationRequested();
        using var ticket = new Ticket(prepared.NewRow(_engine.Spec), isStreamed: false, cancellationToken);
        _loop.Add(ticket);
        return Result(prepared, ticket.Row, await ticket.End.ConfigureAwait(false));
    }

    /// <summary>
    /// Writes the text of a request and gives it in pieces, as its tokens come: whole characters, stop strings never
    /// shown and nothing taken back. The last piece has the result.
    /// </summary>
    /// <param name="request">The request; greedy or sampled, with one sequence.</param>
    /// <param name="cancellationToken">Ends it, at the next token; so does leaving the enumeration.</param>
    /// <returns>The pieces. Each enumeration is a request of its own, which begins with its first step.</returns>
    /// <exception cref="NotSupportedException">
    /// The options ask for beams or several sequences, whose text is certain only at the end.
    /// </exception>
    /// <inheritdoc cref="GenerateAsync"/>
    public IAsyncEnumerable<TextPiece> StreamAsync(TextRequest request, CancellationToken cancellationToken = default)
    {
        PreparedRequest prepared = Prepare(request);
        if (prepared.Rules.Decoding is BeamDecoding)
            throw new NotSupportedException("StreamAsync: expected greedy decoding or sampling, found beams"
                + " (Decoding.Beam), whose text is certain only at its end: use GenerateAsync.");
        if (prepared.Rules.SequenceCount > 1)
            throw new NotSupportedException("StreamAsync: expected one sequence, found SequenceCount ="
                + $" {prepared.Rules.SequenceCount}: use GenerateAsync.");
        return Stream(prepared, cancellationToken);
    }

    /// <summary>
    /// Ends all requests with an <see cref="ObjectDisposedException"/> and frees all memory. Waits for the token that
    /// is being written. Doing so twice does nothing.
    /// </summary>
    public void Dispose()
    {
        _loop.Dispose();
        _prefixes.Dispose();
        _engine.Dispose();
    }

    private async IAsyncEnumerable<TextPiece> Stream(PreparedRequest prepared,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var ticket = new Ticket(prepared.NewRow(_engine.Spec), isStreamed: true, left.Token);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            _loop.Add(ticket);
            var maker = new PieceMaker(_engine.Tokenizer.BeginText(), prepared.Stops);
            await foreach (int token in ticket.Tokens.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (_engine.EndIds.Contains(token))
                    break;
                foreach (string piece in maker.Next(token))
                    yield return new TextPiece(piece);
            }
            cancellationToken.ThrowIfCancellationRequested();
            GeneratedSequence[] sequences = await ticket.End.ConfigureAwait(false);
            foreach (string piece in maker.End())
                yield return new TextPiece(piece);
            yield return new TextPiece("", Result(prepared, ticket.Row, sequences));
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
        }
    }

    private PreparedRequest Prepare(TextRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(request.Text);
        if (request.Messages is not null && request.Text.Length > 0)
            throw new ArgumentException("Request: expected Text or Messages, found both.");
        _loop.ThrowIfDisposed();
        GenerationOptions options = request.Generation ?? Generation;
        Faults.Throw(options.Check);
        RowPrefix prefix = _prefixes.Named(request.Prefix);
        GenerationRules rules = Rules(options);
        EncodedPrompt prompt = request.Messages is { } messages
            ? prefix.Encoder.Prompt(messages, rules.MaxNewTokens, options.Truncation)
            : prefix.Encoder.Prompt(InputRow.Request(request.Text), rules.MaxNewTokens, options.Truncation);
        var prepared = new PreparedRequest(new GenerationPrompt(prompt.Ids, prefix.Tensors), rules,
            new Stops(options.StopStrings, ids => _engine.Tokenizer.Decode(ids)), prompt.IsTruncated);
        ActiveRow row = prepared.NewRow(_engine.Spec);
        long needed = (long)row.Lanes * row.Columns + row.SourceColumns;
        return needed <= _options.CacheTokens ? prepared
            : throw new ArgumentException($"Request: expected at most CacheTokens = {_options.CacheTokens} tokens of"
                + $" prefix, prompt and new tokens in all beams or draws, found {needed}.");
    }

    private GenerationRules Rules(GenerationOptions options) =>
        GenerationRules.Of(options, _engine.Spec, _engine.Tokenizer, _engine.EndIds);

    private TextResult Result(PreparedRequest prepared, ActiveRow row, GeneratedSequence[] sequences)
    {
        TextCompletion[] completions = Array.ConvertAll(sequences, sequence => new TextCompletion(
            WrittenTexts.Of(sequence, _engine, prepared.Stops), Reason(row, sequence), sequence.Ids.Length));
        return new TextResult(completions, prepared.Prompt.Source.Length, prepared.IsTruncated);
    }

    private FinishReason Reason(ActiveRow row, GeneratedSequence sequence)
    {
        if (!sequence.IsFinished)
            return sequence.Ids.Length >= row.Limit ? FinishReason.Length : FinishReason.NoTokenAllowed;
        return _engine.EndIds.Contains(sequence.Ids[^1]) ? FinishReason.EndToken : FinishReason.StopString;
    }

    /// <summary>A request that was checked.</summary>
    private sealed record PreparedRequest(GenerationPrompt Prompt, GenerationRules Rules, Stops Stops,
        bool IsTruncated)
    {
        public ActiveRow NewRow(TransformerSpec spec) => new(0, Prompt, Rules, new TokenConstraints(Rules), spec);
    }
}
