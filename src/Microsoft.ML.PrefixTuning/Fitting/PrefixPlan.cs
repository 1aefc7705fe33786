using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// What <see cref="PrefixOptions"/> come to on a base: sites, length, convention, and what is trained.
/// </summary>
internal sealed class PrefixPlan
{
    private readonly PrefixOptions _options;
    private readonly FitColumns _columns;
    private readonly FrozenBase _frozen;
    private readonly int _seed;

    /// <summary>Checks the options against the base.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="columns">Columns, whose names say what the task is.</param>
    /// <param name="frozen">The base.</param>
    /// <param name="seed">Seed of random starts.</param>
    /// <exception cref="ArgumentException">The base has no such method or site, or no room for the prefix.</exception>
    public PrefixPlan(PrefixOptions options, FitColumns columns, FrozenBase frozen, int seed)
    {
        (_options, _columns, _frozen, _seed) = (options, columns, frozen, seed);
        if (Spec.IsEncoderDecoder && options.Method is not (EveryLayerMethod or MemoryMethod or TextMethod))
            throw new ArgumentException(
                $"Prefix.Method: expected Prefix, Memory or Text, since a {Spec.Family} base is an encoder-decoder"
                    + $" model, found {options.Method.Name}.", nameof(options));
        Sites = ChooseSites();
        Convention = ChooseConvention();
        Text = StartText();
        Length = ChooseLength();
        if (Convention.TakesPositions && Length >= Spec.ContextLength)
            throw new ArgumentException(
                $"Prefix.Length: expected fewer tokens than the {Spec.ContextLength} of this {Spec.Family} base's"
                    + $" context window, found {Length}.", nameof(options));
    }

    /// <summary>Attentions that get a prefix.</summary>
    public IReadOnlyList<AttentionSite> Sites { get; }

    /// <summary>What the prefix does to the tokens.</summary>
    public PrefixConvention Convention { get; }

    /// <summary>P.</summary>
    public int Length { get; }

    /// <summary>Where training starts, as text: two that start alike have the same.</summary>
    public string StartIdentity => _options.Start switch
    {
        TextStart when IsMemory => PrefixStart.Zero.Name,
        { IsOfTokens: true } => $"text {string.Join(' ', Text)}",
        RandomStart random => string.Create(CultureInfo.InvariantCulture, $"random {random.Scale}"),
        PrefixValuesStart given => $"prefix {given.Prefix.Hash()}",
        _ => _options.Start.Name,
    };

    /// <summary>What may help where the start is worse than the base alone: a sentence.</summary>
    public string StartAdvice => _options switch
    {
        { Method: TextMethod } => "Another text may fit the task better; PrefixMethod.Prefix trains one.",
        { Method: MemoryMethod } => "The memory that was given may be of another task.",
        { Method: EveryLayerMethod or InfixMethod, Parametrization.TakesStart: false } =>
            "A network starts at random and needs long training;"
                + " Parametrization.Direct and ResidualMlp start from a text.",
        { Start: TextStart } => "Another text (PrefixStart.FromText) may fit the task better.",
        { Start: RowsStart } => "A prefix of more tokens has room for whole rows (PrefixOptions.Length).",
        { Start: PrefixValuesStart } =>
            $"The prefix that was given may be of another task. {PrefixStart.TextAdvice}",
        _ => PrefixStart.TextAdvice,
    };

    /// <summary>The room that the prefix takes in front of a row.</summary>
    public PrefixRoom Room => new(Convention.TakesPositions ? Length : 0, Convention.HoldsBeginToken);

    private TransformerSpec Spec => _frozen.Model.Spec;

    private int[] Text { get; set; }

    private Opening Opening => new(_frozen.Tokenizer, Spec);

    private int[] Front => Opening.OfPrefix(IsInfix);

    private bool IsInfix => _options.Method is InfixMethod;

    private bool IsMemory => _options.Method is MemoryMethod;

    /// <summary>Takes the rows that a start is made of, where it is made of rows; before anything is made.</summary>
    /// <param name="rows">The rows that are trained on.</param>
    public void TakeRows(IReadOnlyList<TrainingExample> rows)
    {
        // As training sees them, end token and all: the end of a text is a part of the example.
        if (_options.Start is RowsStart start)
        {
            Text = [.. rows.DistinctBy(row => row.Origin).Take(start.Count)
                .SelectMany(row => row.Source[row.Opening..].Concat(row.Target))];
        }
    }

    /// <summary>What is trained; the caller's.</summary>
    /// <exception cref="ArgumentException">The start's text has no tokens.</exception>
    /// <exception cref="InvalidOperationException">
    /// A given prefix was made for another base or has other sites.
    /// </exception>
    public TrainedPrefix Make()
    {
        StartRequest start = Start();
        return _options.Method switch
        {
            EmbeddingMethod => MakeEmbeddings(start),
            MemoryMethod => new TrainedMemories(TrainedMemories.Start(start), start.Model.Device),
            TextMethod => new FixedPrefix(PrefixInitializer.Make(start), start.Model.Device),
            _ => ParametrizationMaker.Make(_options.Parametrization, start),
        };
    }

    /// <summary>Where a search for words starts and what it may try.</summary>
    /// <param name="method">How many words a step.</param>
    public TriggerRequest Search(TriggerWordsMethod method) => new()
    {
        Start = PrefixInitializer.Fit(Front, Text, Length),
        FixedFront = Front.Length,
        Allowed = Words(),
        Candidates = method.Candidates,
    };

    /// <summary>What a starting prefix is made from.</summary>
    public StartRequest Start() => new()
    {
        Model = _frozen.Model,
        Start = _options.Start,
        Sites = Sites,
        Length = Length,
        Convention = Convention,
        Seed = _seed,
        Text = Text,
        Opening = Front,
    };

    private static TrainedEmbeddings MakeEmbeddings(StartRequest start)
    {
        using var scope = torch.NewDisposeScope();
        return new TrainedEmbeddings(start.Model, TrainedEmbeddings.Start(start), start.Convention);
    }

    private IReadOnlyList<AttentionSite> ChooseSites()
    {
        if (_options.Sites is not { } sites)
        {
            return !Spec.IsEncoderDecoder ? [AttentionSite.Decoder]
                : IsMemory ? [AttentionSite.Encoder, AttentionSite.Decoder]
                : [AttentionSite.Encoder, AttentionSite.Decoder, AttentionSite.Cross];
        }
        if (!Spec.IsEncoderDecoder && sites.Any(site => site != AttentionSite.Decoder))
            throw new ArgumentException(
                $"Prefix.Sites: expected Decoder alone, since a {Spec.Family} base is decoder-only, found"
                    + $" {string.Join(", ", sites)}.", "options");
        return sites;
    }

    private PrefixConvention ChooseConvention()
    {
        if (_options.Start is PrefixValuesStart given)
            return given.Prefix.Convention;
        if (IsMemory)
            return PrefixConvention.Memory;
        if (Spec.IsEncoderDecoder)
            return PrefixConvention.EncoderDecoder;
        if (IsInfix)
            return PrefixConvention.InfixBeforeLastToken;
        bool isFromText = _options.Start.IsOfTokens && _options.Parametrization.TakesStart;
        return PrefixConvention.DecoderOnly with { HoldsBeginToken = Opening.IsHeld(IsInfix, isFromText) };
    }

    private int ChooseLength() => _options switch
    {
        { Method: MemoryMethod } => 0,
        { Start: PrefixValuesStart given } => given.Prefix.Length,
        { Method: TextMethod } => Front.Length + Math.Max(1, Text.Length),
        { Method: TriggerWordsMethod } when _options.Length <= Front.Length => throw new ArgumentException(
            $"Prefix.Length: expected {Front.Length + 1} or more, since the base's begin token is the first one,"
                + $" found {_options.Length}.", "options"),
        _ => _options.Length,
    };

    private int[] StartText() => _options.Start is not TextStart start || IsMemory ? []
        : start.Text is { } text ? Opening.TextIds(text) : _frozen.Tokenizer.Encode(DefaultStartText());

    /// <summary>
    /// Task words start better than others (Li and Liang 2021, §7.5): the columns' names say what the task is.
    /// </summary>
    private string DefaultStartText() => $"Write the {_columns.TargetName} for this {_columns.Input}.\n";

    /// <summary>Tokens that are readable by themselves: no special ones, no parts of characters, no blanks.</summary>
    private int[] Words()
    {
        PretrainedTokenizer tokenizer = _frozen.Tokenizer;
        var special = tokenizer.SpecialTokens.Values.ToHashSet();
        return [.. Enumerable.Range(0, tokenizer.TokenCount)
            .Where(id => !special.Contains(id) && IsReadable(tokenizer.Decode([id])))];

        static bool IsReadable(string text) =>
            !string.IsNullOrWhiteSpace(text) && !text.Any(c => c == '\uFFFD' || char.IsControl(c));
    }
}
