using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// The loss of a plain text without and with a prefix. The text is cut into windows; a decoder-only base predicts all
/// of a window but its first token, an encoder-decoder base the second half from the first.
/// </summary>
internal sealed class PlainTextDrift
{
    private const int WindowTokens = 256;

    private readonly FrozenBase _frozen;
    private readonly int[][] _windows;

    /// <summary>Cuts the text.</summary>
    /// <param name="frozen">The base.</param>
    /// <param name="text">The text.</param>
    /// <param name="prefixTokens">Positions that the prefix takes.</param>
    /// <exception cref="ArgumentException">The text has fewer than two tokens.</exception>
    public PlainTextDrift(FrozenBase frozen, string text, int prefixTokens)
    {
        _frozen = frozen;
        PretrainedTokenizer tokenizer = frozen.Tokenizer;
        int window = Math.Min(WindowTokens,
            frozen.Model.Spec.ContextLength - prefixTokens - tokenizer.Prologue.Count - tokenizer.Epilogue.Count);
        int[] ids = tokenizer.Encode(text);
        _windows = ids.Chunk(Math.Max(2, window)).Where(part => part.Length > 1).ToArray();
        if (_windows.Length == 0)
            throw new ArgumentException(
                $"Training.DriftText: expected a text of at least two tokens, found {ids.Length}.", "options");
    }

    /// <summary>Measures prefixes.</summary>
    /// <param name="prefixes">
    /// One, or that of every value of an attribute, of one convention; the loss behind them is their mean.
    /// </param>
    /// <param name="options">Windows and tokens of a forward pass.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to cancel.</param>
    public TextDrift Measure(IReadOnlyList<Prefix> prefixes, TrainingOptions options, Action checkAlive)
    {
        PrefixConvention convention = prefixes[0].Convention;
        TrainingExample[] plain = Rows(holdsBegin: false), behind = Rows(convention.HoldsBeginToken);
        int tokens = plain.Sum(row => row.Target.Length);
        double without = Sum(plain, SitePrefixes.None);
        double with = prefixes.Average(prefix =>
        {
            using PrefixTensors tensors = PrefixTensors.Make(prefix, _frozen.Model);
            return Sum(behind, tensors.Sites);
        });
        return new TextDrift(without / tokens, with / tokens, tokens);

        double Sum(TrainingExample[] rows, SitePrefixes prefix) =>
            PlainTextDrift.Sum(_frozen.Model, rows, prefix, options, checkAlive);
    }

    /// <summary>Measures a model whose weights were tuned: what a prefix is compared with.</summary>
    /// <param name="tuned">A model of the base's shape and tokens.</param>
    /// <param name="options">Windows and tokens of a forward pass.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to cancel.</param>
    public TextDrift Measure(LanguageModel tuned, TrainingOptions options, Action checkAlive)
    {
        TrainingExample[] rows = Rows(holdsBegin: false);
        int tokens = rows.Sum(row => row.Target.Length);
        return new TextDrift(Of(_frozen.Model), Of(tuned), tokens);

        double Of(LanguageModel model) => Sum(model, rows, SitePrefixes.None, options, checkAlive) / tokens;
    }

    /// <summary>The loss of rows, added up over their target tokens, in nats.</summary>
    /// <param name="model">The base, or one of its shape.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="prefix">What they see in front of them.</param>
    /// <param name="options">Rows and tokens of a forward pass.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to cancel.</param>
    public static double Sum(LanguageModel model, TrainingExample[] rows, SitePrefixes prefix, TrainingOptions options,
        Action checkAlive)
    {
        using var noGradient = no_grad();
        double sum = 0;
        foreach (TrainingExample[] pass in rows.Chunk(options.BatchSize)
            .SelectMany(batch => BatchPlan.Passes(batch, options.MaxTokensPerPass)))
        {
            checkAlive();
            using var scope = NewDisposeScope();
            TargetStates states = TargetStates.Make(model, pass, prefix);
            sum += TargetLoss.Sum(model, states.Hidden, states.Labels);
        }
        return sum;
    }

    private TrainingExample[] Rows(bool holdsBegin)
    {
        bool both = _frozen.Model.Spec.IsEncoderDecoder;
        int[] before = new Opening(_frozen.Tokenizer, _frozen.Model.Spec).OfRow(holdsBegin);
        int[] behind = both ? [.. _frozen.Tokenizer.Epilogue] : [];
        return Array.ConvertAll(_windows, window =>
        {
            int source = both ? window.Length / 2 : 1;
            return new TrainingExample([.. before, .. window.AsSpan(0, source), .. behind], window[source..]);
        });
    }
}
