using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// A base with a prefix, ready to write texts for rows: what every cursor, engine and thread of one transformer shares. Owns
/// its share of the base and the prefix's tensors. Safe for concurrent use; one call runs at a time, since a call already
/// uses all cores.
/// </summary>
internal sealed class TextSession : IDisposable
{
    private readonly Lock _lock = new();
    private readonly BaseLease _lease;
    private readonly PrefixTensors? _prefix;
    private readonly TextGenerator _generator;
    private readonly RowEncoder _encoder;
    private readonly TextSettings _settings;
    private readonly IDisposable? _files;
    private bool _disposed;

    /// <summary>Takes ownership of the lease, also where it throws.</summary>
    /// <param name="lease">A share of the base.</param>
    /// <param name="settings">Columns, template and decoding.</param>
    /// <param name="prefix">The prefix, or null for the base alone.</param>
    /// <param name="files">What the base was read from and is deleted after it, or null; owned once this is made.</param>
    /// <exception cref="InvalidOperationException">The prefix was made for another base.</exception>
    public TextSession(BaseLease lease, TextSettings settings, Prefix? prefix, IDisposable? files = null)
    {
        (_lease, _settings, _files) = (lease, settings, files);
        try
        {
            LanguageModel model = lease.Base.Model;
            _encoder = new RowEncoder(lease.Base.Tokenizer, model.Spec, settings.Template, settings.InputColumn, PrefixRoom.Of(prefix));
            _prefix = prefix is null ? null : PrefixTensors.Make(prefix, model);
            _generator = new TextGenerator(model, RuleMaker.Make(settings.Generation, lease.Base));
        }
        catch
        {
            _prefix?.Dispose();
            lease.Dispose();
            throw;
        }
    }

    public TextSettings Settings => _settings;

    public FrozenBase Base => _lease.Base;

    /// <summary>Rows whose prompts were cut, over the session's life.</summary>
    public long TruncatedRows { get; private set; }

    /// <summary>Rows whose texts were written or refused, over the session's life.</summary>
    public long RowsWritten { get; private set; }

    /// <summary>Writes the texts of some rows.</summary>
    /// <param name="rows">The rows; they may be of any number and length.</param>
    /// <param name="checkAlive">Called every token; throws to cancel. May be null.</param>
    /// <param name="warn">Told of bytes that the vocabulary has no token for. May be null.</param>
    /// <exception cref="ArgumentException">A row does not fit and no error column takes the message.</exception>
    /// <exception cref="ObjectDisposedException">The transformer was disposed.</exception>
    public GeneratedText[] Generate(IReadOnlyList<InputRow> rows, Action? checkAlive, Action<string>? warn)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(PrefixTuningTransformer));
            using var noGradient = no_grad();
            RowsWritten += rows.Count;
            var texts = new GeneratedText[rows.Count];
            var prompts = new List<GenerationPrompt>(rows.Count);
            var places = new List<int>(rows.Count);
            for (int i = 0; i < rows.Count; i++)
            {
                if (Encode(rows[i], out string error, warn) is { } ids)
                {
                    prompts.Add(new GenerationPrompt(ids, _prefix));
                    places.Add(i);
                }
                else
                {
                    texts[i] = new GeneratedText(Empty(), error);
                }
            }
            IReadOnlyList<GeneratedSequence[]> results = _generator.Generate(prompts, checkAlive);
            for (int i = 0; i < results.Count; i++)
                texts[places[i]] = new GeneratedText(Array.ConvertAll(results[i], Text), "");
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
            _prefix?.Dispose();
            _lease.Dispose();
            _files?.Dispose();
        }
    }

    private int[]? Encode(InputRow row, out string error, Action<string>? warn)
    {
        error = "";
        try
        {
            EncodedPrompt prompt = _encoder.Prompt(row, _settings.Generation.MaxNewTokens, _settings.Generation.Truncation);
            if (prompt.LostBytes > 0)
                warn?.Invoke($"Row {row.Position}, column '{_settings.InputColumn}': {prompt.LostBytes} bytes have no token in the base's vocabulary and were left out.");
            if (prompt.IsTruncated)
                TruncatedRows++;
            return prompt.Ids;
        }
        catch (ArgumentException fault) when (_settings.Generation.ErrorColumnName is not null)
        {
            error = fault.Message;
            return null;
        }
    }

    private string Text(GeneratedSequence sequence)
    {
        ReadOnlySpan<int> ids = sequence.Ids;
        int end = ids.IndexOfAny(_lease.Base.Model.Spec.Tokens.Ends.ToArray());
        string text = _lease.Base.Tokenizer.Decode(end < 0 ? ids : ids[..end]);
        foreach (string stop in _settings.Generation.StopStrings)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0)
                text = text[..at];
        }
        return text;
    }

    private string[] Empty()
    {
        var texts = new string[_settings.Generation.SequenceCount];
        Array.Fill(texts, "");
        return texts;
    }
}

/// <summary>What a transformer does with a row, as data; saved with it.</summary>
/// <param name="OutputColumn">Column that takes the text.</param>
/// <param name="InputColumn">Column that is read.</param>
/// <param name="Template">Template, or null for the base's default.</param>
/// <param name="Generation">How text is written.</param>
/// <param name="Precision">Number type of the base.</param>
/// <param name="EmbedBase">Whether saving carries the base.</param>
internal sealed record TextSettings(string OutputColumn, string InputColumn, string? Template, GenerationOptions Generation,
    ModelPrecision Precision, bool EmbedBase);
