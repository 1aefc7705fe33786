using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Serving;
using Microsoft.ML.PrefixTuning.Text;
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
    /// <summary>Most probable tokens that may be told beside each.</summary>
    internal const int MostLogProbabilities = 20;

    private readonly Lock _disposal = new();
    private readonly ITextEngine _engine;
    private readonly TextGeneratorOptions _options;
    private readonly ServedPrefixes _prefixes;
    private readonly TextSettings _settings;
    private readonly RequestLoop _loop;

    /// <summary>Takes ownership of the base, also where it throws.</summary>
    /// <exception cref="InvalidOperationException">A prefix was made for another base.</exception>
    internal TextGenerator(ITextEngine engine, TextSettings settings, PrefixesByValue choice,
        TextGeneratorOptions options)
    {
        (_engine, _options, _settings) = (engine, options, settings);
        try
        {
            _prefixes = new ServedPrefixes(choice, settings, engine);
            _ = GenerationRules.Of(Generation, engine.Spec, engine.Tokenizer, engine.EndIds);
            var limits = new DecodingLimits(options.MaxRows)
            {
                Tokens = options.CacheTokens,
                PieceTokens = options.PromptPiece,
                PassTokens = ReadingPass.TokensBeside(options.PromptPiece),
                IsOpen = true,
            };
            _loop = new RequestLoop(engine, engine.OpenLoop(limits.Lanes), limits, options.QueueLimit)
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
    public GenerationOptions Generation => _settings.Generation;

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
        using Ticket ticket = Add(ref prepared, isStreamed: false, cancellationToken);
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
    /// is being written. Doing so twice does nothing; who does so at the same time waits, too.
    /// </summary>
    public void Dispose()
    {
        // Nobody frees what the pass reads, while another waits for its end.
        lock (_disposal)
        {
            _loop.Dispose();
            _prefixes.Dispose();
            _engine.Dispose();
        }
    }

    private async IAsyncEnumerable<TextPiece> Stream(PreparedRequest prepared,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        using Ticket ticket = Add(ref prepared, isStreamed: true, left.Token);
        try
        {
            var told = new ToldTokens(prepared);
            var maker = new PieceMaker(prepared.Prefix.Base.Tokenizer.BeginText(), prepared.Stops);
            await foreach (WrittenToken token in ticket.Tokens.ReadAllAsync(CancellationToken.None)
                .ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (prepared.Prefix.Base.EndIds.Contains(token.Id))
                    break;
                told.Add(token.Record);
                foreach (string piece in maker.Next(token.Id))
                    yield return new TextPiece(piece) { LogProbabilities = told.Take(piece) };
            }
            cancellationToken.ThrowIfCancellationRequested();
            TextResult result = Result(prepared, ticket.Row, await ticket.End.ConfigureAwait(false));
            foreach (string piece in maker.End())
                yield return new TextPiece(piece) { LogProbabilities = told.Take(piece) };
            yield return new TextPiece("", result) { LogProbabilities = told.Take("") };
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The base that it writes with.</summary>
    internal ITextEngine Engine => _engine;

    /// <summary>Called between two tokens, by the thread that writes; for tests that hold it there.</summary>
    internal Action? BetweenTokens
    {
        get => _loop.BetweenTokens;
        set => _loop.BetweenTokens = value;
    }

    /// <summary>Adds a prefix, in the place of one of that name; requests that are there go on with what they have.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="prefix">The prefix.</param>
    /// <param name="template">The template that it was trained with; null for that of the generator.</param>
    /// <param name="rules">The rules of texts that it was trained with; null for today's.</param>
    /// <exception cref="InvalidOperationException">It was made for another base.</exception>
    internal void AddPrefix(string name, Prefix prefix, string? template = null, TextRules? rules = null)
    {
        _loop.ThrowIfDisposed();
        ITextEngine engine = rules is null ? _engine : _engine.By(rules);
        TextSettings settings = template is null ? _settings : _settings with { Template = template };
        _prefixes.Put(name, new ServedPrefix(name, engine, RowPrefix.Make(prefix, name, settings, engine)));
    }

    /// <summary>Takes a prefix away; requests that are there go on with it.</summary>
    /// <returns>Whether there was one of that name.</returns>
    internal bool RemovePrefix(string name) => _prefixes.Remove(name);

    /// <summary>Puts a request into the queue.</summary>
    private Ticket Add(ref PreparedRequest prepared, bool isStreamed, CancellationToken cancellationToken)
    {
        // Where the prefix was exchanged or taken away since: once more, with what is there now.
        while (!prepared.Prefix.TryTake())
            prepared = Prepare(prepared.Request);
        var ticket = new Ticket(prepared.NewRow(), prepared.Prefix, isStreamed, cancellationToken);
        try
        {
            _loop.Add(ticket);
            return ticket;
        }
        catch
        {
            prepared.Prefix.Give();
            ticket.Dispose();
            throw;
        }
    }

    private PreparedRequest Prepare(TextRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(request.Text);
        if (request.Messages is not null && request.Text.Length > 0)
            throw new ArgumentException("Request: expected Text or Messages, found both.");
        CheckMessages(request.Messages ?? []);
        _loop.ThrowIfDisposed();
        GenerationOptions options = request.Generation ?? Generation;
        Faults.Throw(options.Check);
        CheckLogProbabilities(request, options);
        // Held while its tensors are looked at: it may be exchanged or taken away at any moment.
        ServedPrefix prefix;
        do
        {
            _loop.ThrowIfDisposed();
            prefix = _prefixes.Named(request.Prefix);
        }
        while (!prefix.TryTake());
        try
        {
            return Prepare(request, options, prefix);
        }
        finally
        {
            prefix.Give();
        }
    }

    private PreparedRequest Prepare(TextRequest request, GenerationOptions options, ServedPrefix prefix)
    {
        GenerationRules rules = prefix.Rules(options) with { RecordedTokens = request.LogProbabilities };
        EncodedPrompt prompt = request.Messages is { } messages
            ? prefix.Encoder.Prompt(messages, rules.MaxNewTokens, options.Truncation)
            : prefix.Encoder.Prompt(InputRow.Request(request.Text), rules.MaxNewTokens, options.Truncation);
        var prepared = new PreparedRequest(request, prefix, new GenerationPrompt(prompt.Ids, prefix.Tensors), rules,
            new Stops(options.StopStrings, ids => prefix.Base.Tokenizer.Decode(ids)), prompt.IsTruncated);
        ActiveRow row = prepared.NewRow();
        long needed = (long)row.Lanes * row.Columns + row.SourceColumns;
        return needed <= _options.CacheTokens ? prepared
            : throw new ArgumentException($"Request: expected at most CacheTokens = {_options.CacheTokens} tokens of"
                + $" prefix, prompt and new tokens in all beams or draws, found {needed}.");
    }

    private static void CheckMessages(IReadOnlyList<TextMessage> messages)
    {
        for (int i = 0; i < messages.Count; i++)
        {
            string? found = messages[i] is not { } message ? "null" : message.Text is null ? "one without a text"
                : Enum.IsDefined(message.Role) ? null : $"one of role {message.Role}";
            if (found is not null)
                throw new ArgumentException($"Request, message {i + 1} (the first is 1): expected a text of the system,"
                    + $" the user or the assistant, found {found}.");
        }
    }

    private static void CheckLogProbabilities(TextRequest request, GenerationOptions options)
    {
        if (request.LogProbabilities is not { } count)
            return;
        if (count is < 0 or > MostLogProbabilities)
            throw new ArgumentException($"Request, LogProbabilities: expected 0 to {MostLogProbabilities}, or null,"
                + $" found {count}.");
        if (options.Decoding is BeamDecoding)
            throw new ArgumentException("Request, LogProbabilities: expected null with beams (Decoding.Beam), whose"
                + $" texts change until their end, found {count}.");
    }

    private static TextResult Result(PreparedRequest prepared, ActiveRow row, GeneratedSequence[] sequences)
    {
        ITextEngine engine = prepared.Prefix.Base;
        TextCompletion[] completions = [.. sequences.Select((sequence, lane) =>
        {
            string text = WrittenTexts.Of(sequence, engine, prepared.Stops);
            return new TextCompletion(text, Reason(engine, row, sequence), sequence.Ids.Length)
            {
                LogProbabilities = row.Record is { } record
                    ? new TokenTeller(engine.Tokenizer).Tell(record[lane], engine.EndIds, text) : null,
            };
        })];
        return new TextResult(completions, prepared.Prompt.Source.Length, prepared.IsTruncated);
    }

    private static FinishReason Reason(ITextEngine engine, ActiveRow row, GeneratedSequence sequence)
    {
        if (!sequence.IsFinished)
            return sequence.Ids.Length >= row.Limit ? FinishReason.Length : FinishReason.NoTokenAllowed;
        return engine.EndIds.Contains(sequence.Ids[^1]) ? FinishReason.EndToken : FinishReason.StopString;
    }

    /// <summary>A request that was checked.</summary>
    private sealed record PreparedRequest(TextRequest Request, ServedPrefix Prefix, GenerationPrompt Prompt,
        GenerationRules Rules, Stops Stops, bool IsTruncated)
    {
        public ActiveRow NewRow() => new(0, Prompt, Rules, new TokenConstraints(Rules), Prefix.Base.Spec);
    }

    /// <summary>The tokens of a streamed text: each is told with the piece in which it begins.</summary>
    private sealed class ToldTokens(PreparedRequest prepared)
    {
        private readonly TokenTeller? _teller = prepared.Request.LogProbabilities is null ? null
            : new TokenTeller(prepared.Prefix.Base.Tokenizer);
        private int _shown;

        public void Add(RecordedToken? token)
        {
            if (token is not null)
                _teller!.Add(token);
        }

        public IReadOnlyList<TokenLogProbability>? Take(string piece)
        {
            _shown += piece.Length;
            return _teller?.Take(_shown);
        }
    }
}
