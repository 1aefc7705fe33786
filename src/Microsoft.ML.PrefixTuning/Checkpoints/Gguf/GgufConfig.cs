using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// A GGUF file's keys as the config of a family. Defaults are llama.cpp's; what changes the mathematics is obeyed or
/// refused. Faults name the keys of the file.
/// </summary>
internal sealed class GgufConfig
{
    // llama.cpp does not load a file without them.
    private static readonly string[] Needed =
        ["embedding_length", "block_count", "attention.head_count", "feed_forward_length", "context_length"];

    // Keys that other models of an architecture's kind use, and the value at which they change nothing.
    private static readonly (string Key, double Neutral)[] Neutral =
    [
        ("expert_count", 0), ("expert_used_count", 0), ("attention.clamp_kqv", 0), ("attention.max_alibi_bias", 0),
        ("attn_logit_softcapping", 0), ("final_logit_softcapping", 0), ("logit_scale", 1), ("residual_scale", 1),
        ("embedding_scale", 1), ("attention.scale", 0), ("rope.scaling.attn_factor", 1),
            ("rope.scaling.yarn_attn_factor", 1),
        ("rope.scaling.yarn_ext_factor", 1), ("rope.scaling.yarn_log_multiplier", 0),
    ];

    private const string Window = "attention.sliding_window", Scaling = "rope.scaling.",
        AttentionFactor = Scaling + "attn_factor";

    private const string ShortFactors = "rope_factors_short.weight", LongFactors = "rope_factors_long.weight";

    private readonly GgufArchitecture _architecture;
    private readonly GgufFile _file;
    private readonly GgufKeys _keys;
    private readonly JsonObject _values;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    private GgufConfig(GgufArchitecture architecture, GgufFile file)
    {
        (_architecture, _file, _keys) = (architecture, file, new GgufKeys(file, $"{architecture.Name}."));
        _values = new JsonObject { ["model_type"] = architecture.Family };
    }

    /// <summary>The config of a file.</summary>
    /// <exception cref="FormatException">
    /// A key is missing, of another type, or contradicts another or a tensor.
    /// </exception>
    /// <exception cref="NotSupportedException">A key asks for what the graph cannot do.</exception>
    public static ModelConfig Of(GgufArchitecture architecture, GgufFile file)
    {
        var config = new GgufConfig(architecture, file);
        config.RefuseOthers();
        foreach ((string key, string name) in architecture.Keys)
            config.Set(name, architecture.Name + "." + key, config.Node(key));
        config.AddDefaults();
        config.AddHeads();
        config.AddVocabulary();
        config.AddScaling();
        var values = new JsonSection(JsonSerializer.SerializeToElement(config._values), file.Name, "");
        return new ModelConfig(values, config._names);
    }

    private void RefuseOthers()
    {
        foreach (string key in Needed)
        {
            if (_keys.Whole(key) is null)
                throw _keys.Missing(key);
        }
        string norm = _architecture.Keys.Select(key => key.File)
            .First(key => key.StartsWith("attention.layer_norm", StringComparison.Ordinal));
        if (_keys.Number(norm) is null)
            throw _keys.Missing(norm);
        foreach ((string key, double neutral) in Neutral)
        {
            if (!Reads(key) && _keys.Number(key) is { } number && number != neutral)
                throw _keys.Unsupported(key, neutral.ToString(CultureInfo.InvariantCulture));
        }
        // One as long as the context hides nothing.
        if (!Reads(Window) && _keys.Whole(Window) is { } window && window != 0
            && window < _keys.Whole("context_length"))
            throw _keys.Unsupported(Window, "none");
        if (_keys.Value("attention.causal") is { } causal && causal is not true)
            throw _keys.Unsupported("attention.causal", "true");
        // Granite's sign for a model that does not rotate.
        if (_keys.Value("rope.scaling.finetuned") is false && Reads("logit_scale"))
            throw _keys.Unsupported("rope.scaling.finetuned", "true");
    }

    private bool Reads(string key) => _architecture.Keys.Any(one => one.File == key)
        || (key == AttentionFactor && HasLongRope);

    private bool HasLongRope => _file.TensorNames.Contains(ShortFactors);

    /// <summary>What llama.cpp takes for keys that are not there; a window of 0 is none.</summary>
    private void AddDefaults()
    {
        long width = _keys.Whole("embedding_length") ?? 0;
        long heads = Math.Max(1, _keys.Whole("attention.head_count") ?? 1);
        var shape = new GgufShape(_keys.Whole("block_count") ?? 0, width, heads,
            _keys.Whole("attention.key_length") ?? width / heads);
        foreach ((string name, double value) in _architecture.Defaults(shape))
            _values[name] ??= value;
        if (Reads(Window) && _keys.Whole(Window) == 0)
            _values["sliding_window"] = null;
    }

    /// <summary>Head sizes: where no key names them, the width shared by all heads.</summary>
    private void AddHeads()
    {
        long width = _keys.Whole("embedding_length")!.Value, heads = _keys.Whole("attention.head_count")!.Value;
        if (heads <= 0 || width <= 0)
            throw _keys.Wrong(heads <= 0 ? "attention.head_count" : "embedding_length", "a number above 0");
        long size = _keys.Whole("attention.key_length") ?? width / heads;
        if (_keys.Whole("attention.value_length") is { } values && values != size)
            throw _keys.Unsupported("attention.value_length", $"the size of keys, {size}");
        bool grouped = _values.ContainsKey("num_key_value_heads");
        if (grouped)
            Set("head_dim", $"{_architecture.Name}.attention.key_length", _keys.Whole("attention.key_length")
                ?? (width % heads == 0 ? size : null));
        else if (size * heads != width)
            throw _keys.Wrong("attention.head_count",
                $"a divisor of the embedding length {width} that gives heads of {size}");
        else if (_keys.Whole("attention.head_count_kv") is { } groups && groups != heads)
            throw _keys.Unsupported("attention.head_count_kv", $"{heads}, the number of heads");
        AddRotation(size);
    }

    private void AddRotation(long headSize)
    {
        const string Key = "rope.dimension_count";
        if (_keys.Whole(Key) is not { } rotated)
        {
            _values[_architecture.RotatedShare] = 1;
            return;
        }
        if (rotated < 2 || rotated % 2 != 0 || rotated > headSize)
            throw _keys.Wrong(Key, $"an even number from 2 to the head size {headSize}");
        if (rotated != headSize && _architecture.RotatesInterleaved)
            throw _keys.Unsupported(Key, $"the head size {headSize}");
        // Families cut the product of share and size to a whole number; a quarter more keeps rounding from taking one
        // away.
        double share = rotated == headSize ? 1 : (rotated + 0.25) / headSize;
        Set(_architecture.RotatedShare, $"{_architecture.Name}.{Key}", share);
    }

    private void AddVocabulary()
    {
        long rows = GgufTokenIds.RowsOf(_file);
        if (_keys.Whole("vocab_size") is { } size && size != rows)
            throw _keys.Wrong("vocab_size", $"the rows of 'token_embd.weight', {rows}");
        Set("vocab_size", $"{_architecture.Name}.vocab_size", rows);
        _values["tie_word_embeddings"] = !_file.TensorNames.Contains("output.weight");
        GgufTokenIds ids = new(_file, (int)rows);
        Set("bos_token_id", GgufTokenIds.NameOf("bos_token_id"), ids.Find("bos_token_id"));
        Set("eos_token_id", GgufTokenIds.NameOf("eos_token_id"), ids.Ends is [int end, ..] ? end : null);
        Set("pad_token_id", GgufTokenIds.NameOf("padding_token_id"), ids.Find("padding_token_id"));
    }

    private void AddScaling()
    {
        if (HasLongRope)
        {
            AddLongRope();
            return;
        }
        string factorKey = _keys.Value(Scaling + "factor") is null && _keys.Value("rope.scale_linear") is not null
            ? "rope.scale_linear" : Scaling + "factor";
        // As llama.cpp: a factor without a type is linear, and 0 stands for none.
        string type = _keys.Text(Scaling + "type") ?? (_keys.Number(factorKey) is null or 0 or 1 ? "none" : "linear");
        if (type == "none")
            return;
        if (type is not ("linear" or "yarn"))
            throw _keys.Unsupported(Scaling + "type", "none, linear, yarn");
        var scaling = new JsonObject { ["rope_type"] = type };
        (string, string)[] settings = type == "linear" ? [("factor", factorKey)]
            : [("factor", factorKey), ("original_max_position_embeddings", Scaling + "original_context_length"),
                ("beta_fast", Scaling + "yarn_beta_fast"), ("beta_slow", Scaling + "yarn_beta_slow")];
        foreach ((string name, string key) in settings)
        {
            scaling[name] = Node(key);
            _names[$"rope_scaling.{name}"] = $"{_architecture.Name}.{key}";
        }
        _values["rope_scaling"] = scaling;
    }

    /// <summary>Longrope: factors as tensors, and the factor on cosine and sine worked out.</summary>
    private void AddLongRope()
    {
        const string Original = "original_max_position_embeddings";
        if (_keys.Text(Scaling + "type") is { } type && type is not ("none" or "longrope"))
            throw _keys.Unsupported(Scaling + "type", $"longrope beside the tensor '{ShortFactors}'");
        _values["rope_scaling"] = new JsonObject
        {
            ["rope_type"] = "longrope",
            ["short_factor"] = Numbers(ShortFactors),
            ["long_factor"] = _file.TensorNames.Contains(LongFactors) ? Numbers(LongFactors) : null,
            ["attention_factor"] = Node(AttentionFactor),
        };
        const string OriginalKey = Scaling + "original_context_length";
        Set(Original, $"{_architecture.Name}.{OriginalKey}", Node(OriginalKey));
        _names["rope_scaling.short_factor"] = ShortFactors;
        _names["rope_scaling.long_factor"] = LongFactors;
        _names["rope_scaling.attention_factor"] = $"{_architecture.Name}.{AttentionFactor}";
    }

    private JsonArray Numbers(string tensor)
    {
        using Tensor read = _file.Read(tensor, ScalarType.Float32);
        return [.. read.data<float>().ToArray().Select(number => (JsonNode)Plain(number))];
    }

    // A float32 is written as what it was rounded from: 1e-05 and not 9.999999747378752e-06.
    private static double Plain(float number) =>
        double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private void Set(string name, string key, JsonNode? value)
    {
        _values[name] = value;
        _names[name] = key;
    }

    private JsonNode? Node(string key) => _keys.Value(key) switch
    {
        bool flag => flag,
        string text => text,
        float => Plain((float)_keys.Number(key)!),
        double => _keys.Number(key),
        _ => _keys.Whole(key),
    };
}
