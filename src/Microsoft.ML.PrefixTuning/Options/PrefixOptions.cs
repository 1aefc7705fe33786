using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What is trained.</summary>
public sealed record PrefixOptions
{
    private const int DefaultLength = 20;

    /// <summary>What is learned in front of the frozen model.</summary>
    /// <value>The default is <see cref="PrefixMethod.Prefix"/>: keys and values for every layer.</value>
    public PrefixMethod Method { get; init; } = PrefixMethod.Prefix;

    /// <summary>
    /// What numbers training moves; methods other than <see cref="PrefixMethod.Prefix"/> and
    /// <see cref="PrefixMethod.Infix"/> have numbers of their own.
    /// </summary>
    /// <value>The default is <see cref="Parametrization.Direct"/>.</value>
    public Parametrization Parametrization { get; init; } = Parametrization.Direct;

    /// <summary>
    /// Prefix length in tokens, at most 32,768. A prefix given as <see cref="Start"/>, and the text of
    /// <see cref="PrefixMethod.Text"/>, have their own; <see cref="PrefixMethod.Memory"/> has none.
    /// </summary>
    /// <value>The default is 20.</value>
    public int Length { get; init; } = DefaultLength;

    /// <summary>
    /// Where training starts. <see cref="Parametrization.Mlp"/> starts at random whatever stands here,
    /// <see cref="PrefixMethod.Memory"/> at zero or from a prefix that is a memory.
    /// </summary>
    /// <value>The default is <see cref="PrefixStart.DefaultText"/>: a text made from column names and template.</value>
    public PrefixStart Start { get; init; } = PrefixStart.DefaultText;

    /// <summary>Which attentions get a prefix.</summary>
    /// <value>The default is <see langword="null"/>: all the model has.</value>
    public IReadOnlyList<AttentionSite>? Sites { get; init; }

    /// <summary>Checks its own members, and what does not go together: nothing that was chosen is left aside.</summary>
    internal void Check(Faults faults)
    {
        faults.Within(1, OptionBounds.PrefixTokens, Length, nameof(Length));
        if (Sites is { } sites)
        {
            string all = string.Join(", ", sites);
            faults.That(sites.Count > 0, nameof(Sites), "at least one site, or null", "none");
            faults.That(sites.All(site => Enum.IsDefined(site)), nameof(Sites), "values of AttentionSite", all);
            faults.That(sites.Distinct().Count() == sites.Count, nameof(Sites), "each site once", all);
        }
        bool given = faults.Given(Method, nameof(Method)) & faults.Given(Parametrization, nameof(Parametrization))
            & faults.Given(Start, nameof(Start));
        if (!given)
            return;
        Start.Check(faults, nameof(Start));
        Parametrization.Check(faults.Under(nameof(Parametrization)));
        CheckMethod(faults);
    }

    private void CheckMethod(Faults faults)
    {
        string method = Method.Name;
        switch (Method)
        {
            case EmbeddingMethod:
                faults.That(Start is not PrefixValuesStart, nameof(Start), $"no prefix for the method {method}", "one");
                break;
            case MemoryMethod:
                CheckMemory(faults);
                break;
            case TextMethod or TriggerWordsMethod:
                faults.That(Start is TextStart, nameof(Start), $"a text for the method {method}", Start.Name);
                break;
            default:
                CheckLayerwise(faults);
                return;
        }
        faults.That(Parametrization == Parametrization.Direct, nameof(Parametrization),
            $"Direct for the method {method}", Parametrization.Name);
        (Method as TriggerWordsMethod)?.Check(faults.Under(nameof(Method)));
    }

    private void CheckMemory(Faults faults)
    {
        faults.That(Length == DefaultLength, nameof(Length),
            $"the default for the method {Method.Name}, which takes no tokens", Length);
        bool isKept = Start == PrefixStart.DefaultText || Start == PrefixStart.Zero
            || Start is PrefixValuesStart { Prefix: null or { IsMemory: true } };
        faults.That(isKept, nameof(Start),
            $"the default for the method {Method.Name}, which starts at zero, or a prefix that is a memory",
            Start.Name);
        faults.That(Sites?.Contains(AttentionSite.Cross) != true, nameof(Sites),
            $"Encoder and Decoder alone for the method {Method.Name}, which cross-attention has none of",
            string.Join(", ", Sites ?? []));
    }

    private void CheckLayerwise(Faults faults)
    {
        const string start = nameof(Start);
        if (Start is PrefixValuesStart { Prefix.IsMemory: true })
        {
            faults.That(false, start, $"a prefix of keys and values for the method {Method.Name}", "a memory");
            return;
        }
        if (!Parametrization.TakesStart)
        {
            faults.That(Start == PrefixStart.DefaultText, start,
                $"the default, since {Parametrization.Name} starts at random", Start.Name);
        }
        else if (Start is PrefixValuesStart { Prefix.IsInfix: true })
            faults.That(Method is InfixMethod, start, "a prefix that is no infix, or the method Infix", "an infix");
        else if (Start is PrefixValuesStart)
            faults.That(Method is not InfixMethod, start, "an infix for the method Infix", "a prefix");
    }
}
