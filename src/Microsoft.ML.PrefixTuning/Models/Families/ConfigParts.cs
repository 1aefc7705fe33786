using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>Parts of configs that several families write alike.</summary>
internal static class ConfigParts
{
    // Beyond any checkpoint: a larger number is a broken file, and nothing may be allocated for it.
    private const int MostLayers = 10_000;

    // Of every family with windows; a config without them says null.
    private const int DefaultWindow = 4096;

    /// <summary>The activation under a key.</summary>
    public static Activation Activation(this ModelConfig config, string key, string? otherwise = null) =>
        (config.Text(key) ?? otherwise ?? throw config.Missing(key)) switch
        {
            "silu" or "swish" => Models.Activation.Silu,
            "relu" => Models.Activation.Relu,
            "gelu" => Models.Activation.Gelu,
            "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => Models.Activation.GeluTanh,
            _ => throw config.Unsupported(key, "silu, relu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast"),
        };

    /// <summary>A feed-forward network whose activation says whether it is gated; that of T5.</summary>
    /// <param name="config">The config.</param>
    /// <param name="kind">Key of the activation.</param>
    /// <param name="width">Key of the network's width.</param>
    public static FeedForwardSpec FeedForward(this ModelConfig config, string kind, string width)
    {
        (Activation activation, bool gated) = (config.Text(kind) ?? "relu") switch
        {
            "relu" => (Models.Activation.Relu, false),
            "gated-gelu" => (Models.Activation.GeluTanh, true),
            "gated-silu" => (Models.Activation.Silu, true),
            _ => throw config.Unsupported(kind, "relu, gated-gelu, gated-silu"),
        };
        return new FeedForwardSpec(activation, config.Count(width), gated);
    }

    /// <summary>The number of layers.</summary>
    public static int LayerCount(this ModelConfig config, string key)
    {
        int layers = config.Count(key);
        return layers <= MostLayers ? layers : throw config.Wrong(key, $"1 to {MostLayers} layers");
    }

    /// <summary>Heads with keys and values of their own that share the width.</summary>
    /// <param name="config">The config.</param>
    /// <param name="heads">Key of the number of heads.</param>
    /// <param name="width">Key of the width.</param>
    public static HeadShape Heads(this ModelConfig config, string heads, string width)
    {
        int count = config.Count(heads), all = config.Count(width);
        return all % count == 0 ? new HeadShape(count, count, all / count)
            : throw config.Wrong(heads, $"a divisor of {width} = {all}");
    }

    /// <summary>
    /// Heads that share keys and values in groups. Null means all heads, or a head's share of the width.
    /// </summary>
    /// <param name="config">The config.</param>
    /// <param name="keyValueHeads">G where the config has no <c>num_key_value_heads</c>.</param>
    /// <param name="headSize">D where the config has no <c>head_dim</c>.</param>
    public static HeadShape GroupedHeads(this ModelConfig config, int? keyValueHeads = null, int? headSize = null)
    {
        const string Heads = "num_attention_heads", Groups = "num_key_value_heads";
        int count = config.Count(Heads);
        int groups = config.Whole(Groups, 1, absent: keyValueHeads) ?? count;
        if (count % groups != 0)
            throw config.Wrong(Groups, $"a divisor of {Heads} = {count}");
        int size = config.Whole("head_dim", 1, absent: headSize) ?? config.Heads(Heads, "hidden_size").Size;
        return new HeadShape(count, groups, size);
    }

    /// <summary>Begin, end and padding ids.</summary>
    public static TokenIds Tokens(this ModelConfig config, int vocabularySize) => new()
    {
        Begin = First(config.Ids("bos_token_id", vocabularySize)),
        Ends = config.Ids("eos_token_id", vocabularySize),
        // Some configs mark "none" as -1 or put padding outside the vocabulary; it never reaches the model.
        Padding = config.Whole("pad_token_id", -1) is int id && id >= 0 && id < vocabularySize ? id : null,
        DecoderStart = First(config.Ids("decoder_start_token_id", vocabularySize)),
    };

    /// <summary>
    /// What a model says of the texts it writes. Lengths of texts count the decoder start token, numbers of new tokens
    /// do not.
    /// </summary>
    public static OutputRules Output(this ModelConfig config, int vocabularySize) => new()
    {
        FirstId = First(config.Ids("forced_bos_token_id", vocabularySize)),
        LastId = First(config.Ids("forced_eos_token_id", vocabularySize)),
        LeastTokens = config.Whole("min_new_tokens", 0)
            ?? (config.Whole("min_length", 0) is { } length ? Math.Max(0, length - 1) : null),
        MostTokens = config.Whole("max_new_tokens", 1) ?? config.Whole("max_length", 2) - 1,
    };

    /// <summary>The window of each layer, from a list of layer types or a rule.</summary>
    /// <param name="config">The config.</param>
    /// <param name="layers">N.</param>
    /// <param name="windowed">Which layers have one where the config has no <c>layer_types</c>.</param>
    public static IReadOnlyList<int?> Windows(this ModelConfig config, int layers, Func<int, bool> windowed)
    {
        if (config.Whole("sliding_window", 1, absent: DefaultWindow) is not int window)
            return [];
        if (config.Texts("layer_types") is { } types)
        {
            if (types.Count != layers)
                throw config.Wrong("layer_types", $"{layers} entries");
            if (types.FirstOrDefault(type => type is not ("sliding_attention" or "full_attention")) is not null)
                throw config.Unsupported("layer_types", "sliding_attention and full_attention");
            windowed = layer => types[layer] == "sliding_attention";
        }
        int?[] windows = Enumerable.Range(0, layers).Select(layer => windowed(layer) ? window : (int?)null).ToArray();
        return windows.All(own => own is null) ? [] : windows;
    }

    private static int? First(IReadOnlyList<int> ids) => ids.Count == 0 ? null : ids[0];
}
