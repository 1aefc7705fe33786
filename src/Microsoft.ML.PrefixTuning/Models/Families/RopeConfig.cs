using System;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Rotary settings, from the older form (rope_theta, rope_scaling) and the newer one (rope_parameters).</summary>
internal static class RopeConfig
{
    /// <summary>Reads the rotation of a model's heads.</summary>
    /// <param name="config">The config.</param>
    /// <param name="headSize">D.</param>
    /// <param name="context">The context length of the config.</param>
    /// <param name="thetaKey">Key of the base in the older form.</param>
    /// <param name="fractionKey">Key of the rotated fraction of a head in the older form.</param>
    /// <param name="fractionOtherwise">The rotated fraction where the config names none.</param>
    /// <param name="layerType">Which of several rotations, where <c>rope_parameters</c> has one a layer type.</param>
    public static RotarySpec Rotary(this ModelConfig config, int headSize, int context, string thetaKey = "rope_theta",
        string fractionKey = "partial_rotary_factor", double fractionOtherwise = 1, string? layerType = null)
    {
        ModelConfig? parameters = config.Object("rope_parameters");
        if (layerType is not null && parameters is not null)
            parameters = parameters.Object(layerType) ?? parameters;
        ModelConfig thetaSource = parameters?.Has("rope_theta") == true ? parameters : config;
        double theta = thetaSource.Positive(thetaSource == parameters ? "rope_theta" : thetaKey, 10000);
        ModelConfig fractionSource = parameters?.Has("partial_rotary_factor") == true ? parameters : config;
        string fractionName = fractionSource == parameters ? "partial_rotary_factor" : fractionKey;
        double fraction = fractionSource.Positive(fractionName, fractionOtherwise);
        if (fraction > 1)
            throw fractionSource.Wrong(fractionName, "a share above 0 and up to 1");
        int rotated = (int)(headSize * fraction);
        if (rotated < 2 || rotated % 2 != 0)
            throw fractionSource.Wrong(fractionName, $"an even number of the head's {headSize} elements");
        ModelConfig? scaling = parameters ?? config.Object("rope_scaling");
        return new RotarySpec(theta, rotated, scaling is null ? new NoScaling() : Scaling(scaling, context));
    }

    private static RotaryScaling Scaling(ModelConfig scaling, int context)
    {
        string key = scaling.Has("rope_type") ? "rope_type" : "type";
        switch (scaling.Text(key) ?? "default")
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
                throw scaling.Unsupported(key, "default, linear, dynamic, llama3, yarn");
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
