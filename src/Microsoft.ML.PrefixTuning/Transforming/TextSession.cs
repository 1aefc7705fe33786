using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Signals;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// A base with its prefixes, ready to write texts for rows: what every cursor, engine and thread of one transformer
/// shares. Owns its share of the base and the prefixes' tensors. Safe for concurrent use; one call runs at a time,
/// since a call already uses all cores.
/// </summary>
internal sealed class TextSession : IDisposable
{
    private const string DisposedMessage = "The transformer was disposed. A PredictionEngine disposes the transformer"
        + " that it was made from, and a pool of engines disposes those that it has no room for: where engines share a"
        + " transformer, make them with PredictionEngineOptions.OwnsTransformer = false, and dispose it yourself.";

    private readonly Lock _lock = new();
    private readonly ITextEngine _engine;
    private readonly PrefixSet _prefixes;
    private readonly BatchWriter _generator;
    private readonly TextSettings _settings;
    private readonly Stops _stops;
    private readonly WritingSignals _signals;
    private bool _disposed;

    /// <summary>A session over a base that this library computes.</summary>
    /// <inheritdoc cref="TextSession(ITextEngine, TextSettings, PrefixesByValue)"/>
    public TextSession(BaseLease lease, TextSettings settings, PrefixesByValue choice)
        : this(new BaseEngine(lease), settings, choice)
    {
    }

    /// <summary>Takes ownership of the base, also where it throws.</summary>
    /// <param name="engine">A share of the base.</param>
    /// <param name="settings">Columns, template and decoding.</param>
    /// <param name="choice">Which prefix a row carries.</param>
    /// <exception cref="InvalidOperationException">A prefix was made for another base.</exception>
    public TextSession(ITextEngine engine, TextSettings settings, PrefixesByValue choice)
    {
        (_engine, _settings, Choice) = (engine, settings, choice);
        _signals = new WritingSignals(engine.Name);
        try
        {
            _stops = new Stops(settings.Generation.StopStrings, ids => engine.Tokenizer.Decode(ids));
            _prefixes = new PrefixSet(choice, settings, engine);
            GenerationRules rules =
                GenerationRules.Of(settings.Generation, engine.Spec, engine.Tokenizer, engine.EndIds);
            _generator = new BatchWriter(engine.OpenLoop(rules.Lanes), engine.Spec, rules);
        }
        catch
        {
            _prefixes?.Dispose();
            engine.Dispose();
            throw;
        }
    }

    public TextSettings Settings => _settings;

    public PrefixesByValue Choice { get; }

    /// <summary>What writes.</summary>
    public ITextEngine Engine => _engine;

    /// <summary>The base that this library computes.</summary>
    /// <exception cref="NotSupportedException">Another engine computes it.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public FrozenBase Base
    {
        get
        {
            CheckAlive();
            return _engine is BaseEngine own ? own.Base : throw new NotSupportedException(
                "Expected a transformer over a base that this library computes, found one over another engine, which"
                + " cannot be saved: save its prefixes (Prefix.Save), or a transformer of GenerateText.");
        }
    }

    private void CheckAlive()
    {
        if (_disposed)
            throw new ObjectDisposedException(nameof(PrefixTuningTransformer), DisposedMessage);
    }

    /// <summary>Another share of the base, which may outlive this one.</summary>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public ITextEngine ShareBase()
    {
        lock (_lock)
        {
            CheckAlive();
            return _engine.Share();
        }
    }

    /// <summary>Rows whose texts were written or refused, over the session's life.</summary>
    public long RowsWritten { get; private set; }

    /// <summary>Writes the texts of some rows.</summary>
    /// <param name="rows">The rows; they may be of any number and length.</param>
    /// <param name="checkAlive">Called every token; throws to cancel. May be null.</param>
    /// <param name="warn">Told of bytes that the vocabulary has no token for. May be null.</param>
    /// <exception cref="ArgumentException">
    /// A row does not fit, or its attribute is not known, and no error column takes the message.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// Memory does not suffice for a row, and no error column takes the message.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public GeneratedText[] Generate(IReadOnlyList<InputRow> rows, Action? checkAlive, Action<string>? warn)
    {
        lock (_lock)
        {
            CheckAlive();
            using Activity? activity = SignalSource.Start("prefix_tuning.write", _engine.Name);
            activity?.SetTag("prefix_tuning.rows", rows.Count);
            using var noGradient = no_grad();
            using var threads = TorchThreads.Use(_settings.Threads);
            RowsWritten += rows.Count;
            var texts = new GeneratedText[rows.Count];
            var prompts = new List<GenerationPrompt>(rows.Count);
            var places = new List<int>(rows.Count);
            for (int i = 0; i < rows.Count; i++)
            {
                if (Encode(rows[i], warn, out texts[i]) is not { } prompt)
                    continue;
                prompts.Add(prompt);
                places.Add(i);
            }
            int written = 0;
            long tokens = 0;
            Write([.. places.Select(place => rows[place])], prompts, checkAlive, (i, sequences, error) =>
            {
                (written, tokens) = (written + (sequences is null ? 0 : 1),
                    tokens + (sequences?.Sum(text => (long)text.Ids.Length) ?? 0));
                texts[places[i]] = texts[places[i]] with
                {
                    Texts = sequences is null ? Empty()
                        : Array.ConvertAll(sequences, sequence => WrittenTexts.Of(sequence, _engine, _stops)),
                    Error = error,
                };
            });
            _signals.Add(written, rows.Count - written, tokens);
            // A forgotten session gives its base back: not while it writes.
            GC.KeepAlive(this);
            return texts;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            _generator.Dispose();
            _prefixes.Dispose();
            _engine.Dispose();
        }
    }

    /// <summary>
    /// Writes behind prompts. Where memory does not suffice for all of them and an error column takes what fails, each
    /// is written alone: by itself a row needs least, and one that fails costs no other its text.
    /// </summary>
    /// <param name="rows">The row of each prompt.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="checkAlive">Called every token; throws to cancel.</param>
    /// <param name="take">Takes a prompt's number and either its sequences or its error.</param>
    private void Write(InputRow[] rows, IReadOnlyList<GenerationPrompt> prompts, Action? checkAlive,
        Action<int, GeneratedSequence[]?, string> take)
    {
        try
        {
            IReadOnlyList<GeneratedSequence[]> results = _generator.Generate(prompts, checkAlive);
            for (int i = 0; i < results.Count; i++)
                take(i, results[i], "");
        }
        catch (PromptMemoryException fault) when (_settings.Generation.ErrorColumnName is null)
        {
            throw new InvalidOperationException(NoMemory(rows[fault.Row], prompts[fault.Row], fault),
                fault.InnerException);
        }
        catch (PromptMemoryException fault) when (prompts.Count == 1)
        {
            take(0, null, NoMemory(rows[0], prompts[0], fault));
        }
        catch (PromptMemoryException)
        {
            for (int i = 0; i < prompts.Count; i++)
            {
                int own = i;
                Write([rows[i]], [prompts[i]], checkAlive, (_, sequences, error) => take(own, sequences, error));
            }
        }
    }

    private string NoMemory(InputRow row, GenerationPrompt prompt, PromptMemoryException fault) =>
        $"{row.Place}, column '{_settings.InputColumn}': memory does not suffice to write its text behind a prompt of"
        + $" {prompt.Source.Length} tokens ({MemoryFault.Reason(fault.InnerException!)}). Lower Generation.BatchSize"
        + $" (now {_settings.Generation.BatchSize}){Fewer(_settings.Generation)} or Generation.MaxNewTokens, or shorten"
        + " the row.";

    // Each beam or draw takes as much as a row.
    private static string Fewer(GenerationOptions generation) => generation switch
    {
        { Decoding: BeamDecoding beam } => $", Generation.Decoding.width (now {beam.Width})",
        { SequenceCount: > 1 } => $", Generation.SequenceCount (now {generation.SequenceCount})",
        _ => "",
    };

    /// <summary>A row's prompt and its result but for the texts; null where the result is an error.</summary>
    private GenerationPrompt? Encode(InputRow row, Action<string>? warn, out GeneratedText result)
    {
        try
        {
            RowPrefix prefix = _prefixes.Of(row);
            EncodedPrompt prompt = prefix.Encoder.Prompt(row,
                GenerationRules.Lengths(_settings.Generation, _engine.Spec).Most,
                _settings.Generation.Truncation);
            if (prompt.LostBytes > 0)
                warn?.Invoke(
                    $"{row.Place}, column '{_settings.InputColumn}': {prompt.LostBytes} bytes have no token in"
                        + " the base's vocabulary and were left out.");
            result = new GeneratedText([], "", prompt.IsTruncated);
            return new GenerationPrompt(prompt.Ids, prefix.Tensors, row.Draw);
        }
        catch (ArgumentException fault) when (_settings.Generation.ErrorColumnName is not null)
        {
            result = new GeneratedText(Empty(), fault.Message);
            return null;
        }
    }

    private string[] Empty()
    {
        var texts = new string[_settings.Generation.SequenceCount];
        Array.Fill(texts, "");
        return texts;
    }
}
