using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Gathers all faults of options, so that one exception names every property to be mended.</summary>
internal sealed class OptionsCheck
{
    // The least normal number of float32, but for a margin: below it, a division by zero is no longer prevented.
    private const double LeastEpsilon = 1e-37;

    private readonly List<string> _faults = [];
    private string _place = "";

    /// <summary>Checks everything that can be chosen for training and use.</summary>
    /// <exception cref="ArgumentException">A property has no good value; the message names each one.</exception>
    public static void Check(PrefixTuningOptions options)
    {
        var check = new OptionsCheck();
        check.All(options);
        check.Throw();
    }

    /// <summary>Checks everything that can be chosen for a distillation.</summary>
    /// <exception cref="ArgumentException">A property has no good value; the message names each one.</exception>
    public static void Check(DistillationOptions options)
    {
        var check = new OptionsCheck();
        check.Distillation(options);
        check.Throw();
    }

    /// <summary>Checks what can be chosen for use alone.</summary>
    /// <exception cref="ArgumentException">A property has no good value; the message names each one.</exception>
    public static void Check(TextGenerationOptions options)
    {
        var check = new OptionsCheck();
        if (check.Given(options.Generation, "Generation"))
            check.Generation(options.Generation, "Generation.");
        check.Template(options.Template);
        check.Device(options.Device);
        check.That(Enum.IsDefined(options.Precision), "Precision", "a value of ModelPrecision", options.Precision);
        check.Throw();
    }

    private void All(PrefixTuningOptions options)
    {
        if (Given(options.Prefix, "Prefix"))
            Prefix(options.Prefix);
        if (Given(options.Training, "Training"))
            Training(options.Training);
        Untrained(options);
        Attributes(options);
        if (Given(options.Generation, "Generation"))
            Generation(options.Generation, "Generation.");
        Template(options.Template);
        Device(options.Device);
        Known(options.Precision, "Precision");
    }

    private void Distillation(DistillationOptions options)
    {
        Above(0, options.Temperature, nameof(options.Temperature));
        AtLeast(0, options.TopK, nameof(options.TopK));
        That(options.ContinuationColumnName is not "", nameof(options.ContinuationColumnName), "a column name, or null",
            "an empty text");
        if (Given(options.Continuations, nameof(options.Continuations)))
        {
            Generation(options.Continuations, "Continuations.");
            That(options.Continuations.SequenceCount == 1, "Continuations.SequenceCount", "1",
                options.Continuations.SequenceCount);
            That(options.Continuations.ErrorColumnName is null, "Continuations.ErrorColumnName", "null",
                $"'{options.Continuations.ErrorColumnName}'");
        }
        if (!Given(options.Student, nameof(options.Student)))
            return;
        _place = "Student.";
        All(options.Student);
        That(options.Student.AttributeColumnName is null, "AttributeColumnName",
            "null, since all rows have one teacher", $"'{options.Student.AttributeColumnName}'");
        That(options.Student.Prefix?.Method is not TextMethod, "Prefix.Method", "a method that learns",
            PrefixMethod.Text.Name);
        if (options.Student.Training is not { } training)
            return;
        That(training.LabelSmoothing == 0, "Training.LabelSmoothing", "0, since nothing is labelled",
            training.LabelSmoothing);
        _place = "";
        if (options.Continuations is { } continuations)
        {
            // The teacher writes for the rows that the student is trained on.
            That(continuations.Truncation == default
                || continuations.Truncation == training.Truncation, "Continuations.Truncation",
                $"{training.Truncation}, as Student.Training.Truncation", continuations.Truncation);
        }
    }

    private void Prefix(PrefixOptions options)
    {
        AtLeast(1, options.Length, "Prefix.Length");
        if (options.Sites is { } sites)
        {
            That(sites.Count > 0, "Prefix.Sites", "at least one site, or null", "none");
            That(sites.All(site => Enum.IsDefined(site)), "Prefix.Sites", "values of AttentionSite",
                string.Join(", ", sites));
            That(sites.Distinct().Count() == sites.Count, "Prefix.Sites", "each site once", string.Join(", ", sites));
        }
        bool given = Given(options.Method, "Prefix.Method") & Given(options.Parametrization, "Prefix.Parametrization")
            & Given(options.Start, "Prefix.Start");
        if (!given)
            return;
        Start(options.Start);
        Network(options.Parametrization);
        Method(options);
    }

    private void Start(PrefixStart start)
    {
        if (start is RandomStart random)
            That(double.IsFinite(random.Scale) && random.Scale > 0, "Prefix.Start", "a scale above 0", random.Scale);
        if (start is TextStart { Text: { } text })
            That(text.Length > 0, "Prefix.Start", "a text of at least one character", "an empty one");
    }

    private void Network(Parametrization parametrization)
    {
        if (parametrization.Network is not { } network)
            return;
        AtLeast(1, network.Hidden, "Prefix.Parametrization.width");
        AtLeast(1, network.Depth, "Prefix.Parametrization.depth");
        Share(network.Dropout, "Prefix.Parametrization.dropout");
    }

    /// <summary>What does not go together: nothing that was chosen is left aside without a word.</summary>
    private void Method(PrefixOptions options)
    {
        (PrefixMethod method, PrefixStart start) = (options.Method, options.Start);
        switch (method)
        {
            case EmbeddingMethod:
                That(start is not PrefixValuesStart, "Prefix.Start", $"no prefix for the method {method.Name}", "one");
                break;
            case TextMethod or TriggerWordsMethod:
                That(start is TextStart, "Prefix.Start", $"a text for the method {method.Name}", start.Name);
                break;
            default:
                Layerwise(method, options.Parametrization, start);
                return;
        }
        That(options.Parametrization == Parametrization.Direct, "Prefix.Parametrization",
            $"Direct for the method {method.Name}", options.Parametrization.Name);
        if (method is TriggerWordsMethod words)
        {
            AtLeast(1, words.Candidates, "Prefix.Method.candidates");
            AtLeast(1, words.Steps, "Prefix.Method.steps");
        }
    }

    private void Layerwise(PrefixMethod method, Parametrization parametrization, PrefixStart start)
    {
        if (!parametrization.TakesStart)
            That(start == PrefixStart.DefaultText, "Prefix.Start",
                $"the default, since {parametrization.Name} starts at random", start.Name);
        else if (start is PrefixValuesStart { Prefix.IsInfix: true })
            That(method is InfixMethod, "Prefix.Start", "a prefix that is no infix, or the method Infix", "an infix");
        else if (start is PrefixValuesStart)
            That(method is not InfixMethod, "Prefix.Start", "an infix for the method Infix", "a prefix");
    }

    private void Attributes(PrefixTuningOptions options)
    {
        Known(options.UnseenAttribute, "UnseenAttribute");
        if (options.AttributeColumnName is null)
        {
            That(options.AttributeLength is null, "AttributeLength", "null without an attribute column",
                options.AttributeLength ?? 0);
            That(options.UnseenAttribute != UnseenAttribute.UseSharedPart, "UnseenAttribute",
                "the default without an attribute column", options.UnseenAttribute);
            return;
        }
        if (options.Prefix is null)
            return;
        That(options.AttributeColumnName.Length > 0, "AttributeColumnName", "a column name, or null", "an empty text");
        int length = options.Prefix.Start is PrefixValuesStart given ? given.Prefix.Length : options.Prefix.Length;
        That(length != 1, "Prefix.Length", "2 or more with an attribute column", length);
        if (length > 1 && options.AttributeLength is { } own)
            That(own >= 1 && own < length, "AttributeLength", $"1 to {length - 1} of {length} tokens", own);
        That(options.Prefix.Method is EveryLayerMethod, "Prefix.Method", "Prefix with an attribute column",
            options.Prefix.Method?.Name ?? "null");
        That(options.Prefix.Parametrization == Parametrization.Direct, "Prefix.Parametrization",
            "Direct with an attribute column", options.Prefix.Parametrization?.Name ?? "null");
    }

    private void Training(TrainingOptions options)
    {
        AtLeast(1, options.MaxEpochs, "Training.MaxEpochs");
        AtLeast(1, options.MaxSteps ?? 1, "Training.MaxSteps");
        AtLeast(1, options.BatchSize, "Training.BatchSize");
        AtLeast(1, options.GradientAccumulation, "Training.GradientAccumulation");
        AtLeast(0, options.WarmupSteps ?? 0, "Training.WarmupSteps");
        AtLeast(1, options.StateInterval, "Training.StateInterval");
        AtLeast(1, options.MaxFailedSteps, "Training.MaxFailedSteps");
        Above(0, options.LearningRate ?? 1, "Training.LearningRate");
        Above(0, options.Epsilon, "Training.Epsilon");
        MovesInFloat32(options);
        Share(options.Beta1, "Training.Beta1");
        Share(options.Beta2, "Training.Beta2");
        Share(options.Averaging, "Training.Averaging");
        Share(options.LabelSmoothing, "Training.LabelSmoothing");
        Share(options.ValidationFraction, "Training.ValidationFraction");
        That(double.IsFinite(options.WeightDecay)
            && options.WeightDecay >= 0, "Training.WeightDecay", "0 or more", options.WeightDecay);
        That(double.IsFinite(options.ClipNorm)
            && options.ClipNorm >= 0, "Training.ClipNorm", "0 or more", options.ClipNorm);
        Known(options.Decay, "Training.Decay");
        Known(options.Loss, "Training.Loss");
        Known(options.Truncation, "Training.Truncation");
        Known(options.WhenCancelled, "Training.WhenCancelled");
        if (options.EarlyStopping is { } early)
        {
            AtLeast(1, early.Patience, "Training.EarlyStopping.Patience");
            That(double.IsFinite(early.MinDelta)
                && early.MinDelta >= 0, "Training.EarlyStopping.MinDelta", "0 or more", early.MinDelta);
        }
        That(options.StateFile is not "", "Training.StateFile", "a path, or null", "an empty text");
        That(options.DriftText is not "", "Training.DriftText", "a text of at least one character, or null",
            "an empty one");
    }

    /// <summary>AdamW multiplies with these and divides by them in float32: they must have a value there.</summary>
    private void MovesInFloat32(TrainingOptions options)
    {
        double rate = options.LearningRate ?? 1;
        // The first step is the furthest: its mean of gradients is divided by 1 - Beta1.
        That(!(rate / (1 - options.Beta1) > float.MaxValue), "Training.LearningRate",
            "a number whose steps float32 can hold", rate);
        That(options.Epsilon is not (> 0 and < LeastEpsilon or > float.MaxValue), "Training.Epsilon",
            string.Create(CultureInfo.InvariantCulture, $"{LeastEpsilon} or more, within float32"), options.Epsilon);
        That(!(rate * options.WeightDecay > float.MaxValue), "Training.WeightDecay",
            "a number whose product with the learning rate float32 can hold", options.WeightDecay);
    }

    /// <summary>What means nothing where no number is trained.</summary>
    private void Untrained(PrefixTuningOptions options)
    {
        if (options is not { Prefix.Method: TriggerWordsMethod or TextMethod, Training: { } training })
            return;
        string method = options.Prefix.Method.Name;
        That(training.StateFile is null, "Training.StateFile", $"null for the method {method}, which keeps no state",
            $"'{training.StateFile}'");
        That(training.LearningRate is null, "Training.LearningRate",
            $"null for the method {method}, which trains no number", training.LearningRate ?? 0);
    }

    private void Generation(GenerationOptions options, string place)
    {
        if (options.MaxNewTokens is { } most)
            AtLeast(1, most, place + nameof(options.MaxNewTokens));
        if (options.MinNewTokens is { } least)
        {
            That(least >= 0 && !(least > options.MaxNewTokens), place + nameof(options.MinNewTokens),
                options.MaxNewTokens is null ? "0 or more, or null"
                    : $"0 to MaxNewTokens = {options.MaxNewTokens}", least);
        }
        AtLeast(0, options.NoRepeatNGramSize, place + nameof(options.NoRepeatNGramSize));
        AtLeast(1, options.BatchSize, place + nameof(options.BatchSize));
        AtLeast(1, options.LookAhead, place + nameof(options.LookAhead));
        AtLeast(1, options.SequenceCount, place + nameof(options.SequenceCount));
        Above(0, options.RepetitionPenalty, place + nameof(options.RepetitionPenalty));
        Known(options.Truncation, place + nameof(options.Truncation));
        Words(options.BannedWords, place + nameof(options.BannedWords));
        Words(options.StopStrings, place + nameof(options.StopStrings));
        That(options.ErrorColumnName is not "", place + nameof(options.ErrorColumnName), "a column name, or null",
            "an empty text");
        if (Given(options.Decoding, place + nameof(options.Decoding)))
            Decoding(options.Decoding, options.SequenceCount, place + nameof(options.Decoding));
    }

    private void Decoding(Decoding decoding, int sequences, string name)
    {
        switch (decoding)
        {
            case GreedyDecoding:
                That(sequences == 1, name, "beams or sampling where SequenceCount is above 1", "greedy");
                break;
            case BeamDecoding beam:
                That(beam.Width >= sequences, name, $"a width of at least SequenceCount = {sequences}", beam.Width);
                That(beam.Width >= 1, name, "a width of 1 or more", beam.Width);
                That(double.IsFinite(beam.LengthPenalty), name, "a finite length penalty", beam.LengthPenalty);
                break;
            case SamplingDecoding sampling:
                Above(0, sampling.Temperature, name + ".temperature");
                AtLeast(0, sampling.TopK, name + ".topK");
                That(sampling.TopP > 0 && sampling.TopP <= 1, name + ".topP", "above 0 and up to 1", sampling.TopP);
                break;
        }
    }

    private void Words(IReadOnlyList<string>? words, string name)
    {
        if (Given(words, name))
            That(words!.All(word => !string.IsNullOrEmpty(word)), name, "no empty text in the list", "one");
    }

    private void Template(string? template)
    {
        if (template is null)
            return;
        int first = template.IndexOf(PrefixTuningOptions.InputPlaceholder, StringComparison.Ordinal);
        bool once = first >= 0
            && template.IndexOf(PrefixTuningOptions.InputPlaceholder, first + 1, StringComparison.Ordinal) < 0;
        That(once, "Template", $"{PrefixTuningOptions.InputPlaceholder} exactly once", $"'{template}'");
    }

    private void Device(string? device)
    {
        if (device is not null)
            That(DeviceChoice.IsName(device), "Device", "cpu, cuda, cuda:<number> or mps", $"'{device}'");
    }

    private void AtLeast(int least, int value, string name) => That(value >= least, name, $"{least} or more", value);

    private void Above(double bound, double value, string name) =>
        That(double.IsFinite(value) && value > bound, name, $"a number above {bound}", value);

    private void Share(double value, string name) =>
        That(value >= 0 && value < 1, name, "0 or more and below 1", value);

    private void Known<T>(T value, string name) where T : struct, Enum =>
        That(Enum.IsDefined(value), name, $"a value of {typeof(T).Name}", value);

    private bool Given([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] object? value, string name)
    {
        That(value is not null, name, "a value", "null");
        return value is not null;
    }

    private void That(bool good, string name, string expected, object found)
    {
        if (!good)
            _faults.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"{_place}{name}: expected {expected}, found {found}."));
    }

    private void Throw()
    {
        if (_faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, _faults), "options");
    }
}
