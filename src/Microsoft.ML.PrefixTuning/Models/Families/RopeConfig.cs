using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// Rotary settings, from the older form (rope_theta, rope_scaling) and the newer one (rope_parameters).
/// </summary>
internal static class RopeConfig
{
    /// <summary>Reads the rotation of a model's heads.</summary>
    /// <param name="config">The config.</param>
    /// <param name="headSize">D.</param>
    /// <param name="context">The context length of the config.</param>
    /// <param name="keys">How a family calls the parts; null for the common names.</param>
    public static RotarySpec Rotary(this ModelConfig config, int headSize, int context, RopeKeys? keys = null)
    {
        keys ??= new RopeKeys();
        ModelConfig? parameters = config.Object("rope_parameters");
        if (keys.LayerType is null)
        {
            // One rotation a layer type would be another model.
            parameters?.Only("full_attention");
            parameters?.Only("sliding_attention");
        }
        else if (parameters is not null)
        {
            // So would one for all of them.
            parameters.Only("rope_theta");
            parameters.Only("rope_type");
            parameters = parameters.Object(keys.LayerType);
        }
        double theta = Part("rope_theta", keys.Base, keys.DefaultBase, out _, out _);
        double fraction = Part("partial_rotary_factor", keys.Fraction, keys.DefaultFraction, out ModelConfig source,
            out string name);
        if (fraction > 1)
            throw source.Wrong(name, "a share above 0 and up to 1");
        int rotated = (int)(headSize * fraction);
        if (rotated < 2 || rotated % 2 != 0)
            throw source.Wrong(name, $"an even number of the head's {headSize} elements");
        ModelConfig? older = keys.Scaling is { } key ? config.Object(key) : null;
        if (parameters is not null && older?.Keys.Any() == true && !AreAlike(parameters, older))
            throw config.Unsupported(keys.Scaling!, "what 'rope_parameters' says too, or nothing");
        ModelConfig? scaling = parameters ?? older;
        return new RotarySpec(theta, rotated, scaling is null ? new NoScaling()
            : IsLong(scaling, keys) ? LongRope.Scaling(config, scaling, rotated / 2, context)
            : Scaling(scaling, context, keys));

        double Part(string newer, string older, double otherwise, out ModelConfig source, out string name)
        {
            (source, name) = parameters?.Has(newer) == true ? (parameters, newer) : (config, older);
            return source.Positive(name, otherwise);
        }
    }

    /// <summary>Whether both forms say the same of the scaling, where a config has both.</summary>
    private static bool AreAlike(ModelConfig parameters, ModelConfig older)
    {
        // The older form has these beside the scaling.
        string[] beside = ["rope_theta", "partial_rotary_factor"], types = ["rope_type", "type"];
        return TypeOf(parameters) == TypeOf(older) && older.Keys.Union(parameters.Keys.Except(beside)).Except(types)
            .All(key => parameters.IsAlike(key, older));
    }

    private static string TypeOf(ModelConfig scaling) => scaling.Text(TypeKey(scaling)) ?? "default";

    private static string TypeKey(ModelConfig scaling) => scaling.Has("rope_type") ? "rope_type" : "type";

    private static bool IsLong(ModelConfig scaling, RopeKeys keys) =>
        scaling.Text(TypeKey(scaling)) is { } type && keys.LongTypes.Contains(type);

    private static RotaryScaling Scaling(ModelConfig scaling, int context, RopeKeys keys)
    {
        switch (TypeOf(scaling))
        {
            case "default":
                return new NoScaling();
            case "linear":
                return new LinearScaling(scaling.Positive("factor"));
            case "dynamic":
                return new DynamicScaling(scaling.Positive("factor"));
            case "llama3":
                var llama3 = new Llama3Scaling(scaling.Positive("factor"), scaling.Positive("low_freq_factor"),
                    scaling.Positive("high_freq_factor"), scaling.Count("original_max_position_embeddings"));
                return llama3.HighFrequencyFactor > llama3.LowFrequencyFactor ? llama3
                    : throw scaling.Wrong("high_freq_factor", "more than low_freq_factor");
            case "yarn":
                return Yarn(scaling, context);
            default:
                throw scaling.Unsupported(TypeKey(scaling),
                    string.Join(", ", keys.LongTypes.Union(["default", "linear", "dynamic", "llama3", "yarn"])));
        }
    }

    private static YarnScaling Yarn(ModelConfig scaling, int context)
    {
        double factor = scaling.Positive("factor");
        double attention = scaling.Number("attention_factor") ?? Attention(scaling, factor);
        if (attention <= 0)
            throw scaling.Wrong("attention_factor", "a number above 0");
        return new YarnScaling(factor, attention, scaling.Positive("beta_fast", 32), scaling.Positive("beta_slow", 1),
            scaling.Count("original_max_position_embeddings", context), scaling.Flag("truncate", true));
    }

    private static double Attention(ModelConfig scaling, double factor)
    {
        double? scale = scaling.Number("mscale"), all = scaling.Number("mscale_all_dim");
        return scale is > 0 && all is > 0 ? Growth(factor, scale.Value) / Growth(factor, all.Value) : Growth(factor, 1);
    }

    private static double Growth(double factor, double scale) => factor <= 1 ? 1 : 0.1 * scale * Math.Log(factor) + 1;
}

/// <summary>
/// How a family calls the parts of its rotation in the older form, and what counts where a config says nothing.
/// </summary>
internal sealed record RopeKeys
{
    /// <summary>Key of the base of the frequencies.</summary>
    public string Base { get; init; } = "rope_theta";

    /// <summary>The base where the config names none. The default is 10,000.</summary>
    public double DefaultBase { get; init; } = 10_000;

    /// <summary>Key of the rotated fraction of a head.</summary>
    public string Fraction { get; init; } = "partial_rotary_factor";

    /// <summary>The fraction where the config names none. The default is 1.</summary>
    public double DefaultFraction { get; init; } = 1;

    /// <summary>Key of the scaling; null where the older form has none.</summary>
    public string? Scaling { get; init; } = "rope_scaling";

    /// <summary>Types of scaling that are longrope; none where a family has no such models.</summary>
    public IReadOnlyList<string> LongTypes { get; init; } = [];

    /// <summary>Which of several rotations, where <c>rope_parameters</c> has one a layer type.</summary>
    public string? LayerType { get; init; }
}
