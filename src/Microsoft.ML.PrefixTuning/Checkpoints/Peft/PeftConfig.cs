using System;
using System.IO;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Peft;

/// <summary>What PEFT's adapter_config.json says about a prefix or a prompt.</summary>
/// <param name="IsPrompt">Embeddings in front (PROMPT_TUNING) rather than keys and values (PREFIX_TUNING).</param>
/// <param name="IsEncoderDecoder">Made for an encoder-decoder model.</param>
/// <param name="Tokens">P.</param>
/// <param name="Layers">Stored layers.</param>
/// <param name="Heads">Key/value heads.</param>
/// <param name="TokenWidth">Heads times head size, or the embedding's width for a prompt.</param>
internal sealed record PeftConfig(bool IsPrompt, bool IsEncoderDecoder, int Tokens, int Layers, int Heads,
    int TokenWidth)
{
    /// <summary>Name of the file.</summary>
    public const string File = "adapter_config.json";

    private const string PrefixType = "PREFIX_TUNING", PromptType = "PROMPT_TUNING";
    private const string CausalTask = "CAUSAL_LM", EncoderDecoderTask = "SEQ_2_SEQ_LM";

    // The version whose reading of a folder was compared with this one's.
    private const string PeftVersion = "0.21.2";

    /// <summary>Width of a row of <c>prompt_embeddings</c>.</summary>
    public long RowWidth => IsPrompt ? TokenWidth : 2L * Layers * TokenWidth;

    /// <summary>Reads a folder's config and compares it with the base.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="FormatException">It is broken.</exception>
    /// <exception cref="NotSupportedException">It is for another kind of adapter.</exception>
    /// <exception cref="InvalidOperationException">It was made for another base.</exception>
    public static PeftConfig Read(string folder, TransformerSpec spec)
    {
        ModelConfig file = ModelConfig.Read(Path.Combine(folder, File));
        string type = file.Text("peft_type") ?? throw file.Missing("peft_type");
        if (type is not (PrefixType or PromptType))
            throw file.Unsupported("peft_type", $"{PrefixType}, {PromptType}");
        file.Only("modules_to_save", "[]");
        string task = file.Text("task_type") ?? (spec.IsEncoderDecoder ? EncoderDecoderTask : CausalTask);
        if (task is not (CausalTask or EncoderDecoderTask))
            throw file.Unsupported("task_type", $"{CausalTask}, {EncoderDecoderTask}");
        var config = new PeftConfig(type == PromptType, task == EncoderDecoderTask, file.Count("num_virtual_tokens"),
            file.Count("num_layers"), file.Count("num_attention_heads"), file.Count("token_dim"));
        if (config.IsPrompt && config.IsEncoderDecoder)
            throw file.Unsupported("peft_type",
                $"{PrefixType} for an encoder-decoder model (a prompt in front of its source cannot be baked)");
        config.CheckBase(spec);
        int submodules = file.Count("num_transformer_submodules", config.IsEncoderDecoder ? 2 : 1);
        Expect("num_transformer_submodules", config.IsEncoderDecoder ? 2 : 1, submodules, spec);
        return config;
    }

    /// <summary>The text of a config for a prefix, complete for PEFT.</summary>
    /// <param name="baseModel">
    /// Value of <c>base_model_name_or_path</c>: what PEFT's <c>AutoPeftModel</c> loads; null for none.
    /// </param>
    public byte[] ToBytes(string? baseModel)
    {
        var json = new JsonObject
        {
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = baseModel,
            ["encoder_hidden_size"] = TokenWidth,
            ["inference_mode"] = true,
            ["init_weights"] = null,
            ["modules_to_save"] = null,
            ["num_attention_heads"] = Heads,
            ["num_layers"] = Layers,
            ["num_transformer_submodules"] = IsEncoderDecoder ? 2 : 1,
            ["num_virtual_tokens"] = Tokens,
            ["peft_type"] = PrefixType,
            ["peft_version"] = PeftVersion,
            ["prefix_projection"] = false,
            ["revision"] = null,
            ["task_type"] = IsEncoderDecoder ? EncoderDecoderTask : CausalTask,
            ["token_dim"] = TokenWidth,
        };
        return Encoding.UTF8.GetBytes(json.ToJsonString(new() { WriteIndented = true, NewLine = "\n" }));
    }

    private void CheckBase(TransformerSpec spec)
    {
        if (IsEncoderDecoder != spec.IsEncoderDecoder)
        {
            throw new InvalidOperationException(
                $"{File}: 'task_type': expected {(spec.IsEncoderDecoder ? EncoderDecoderTask : CausalTask)}"
                + $" for this {spec.Family} base, found {(IsEncoderDecoder ? EncoderDecoderTask : CausalTask)}.");
        }
        HeadShape heads = spec.Decoder.Heads;
        Expect("token_dim", IsPrompt ? spec.EmbeddingWidth : heads.KeyValueCount * heads.Size, TokenWidth, spec);
        // PEFT counts layers on the encoder's side; twice the decoder's is what is exported here.
        int layers = spec.Decoder.Layers;
        if (!IsEncoderDecoder || Layers < layers || Layers != spec.Encoder!.Layers && Layers != 2 * layers)
            Expect("num_layers", layers, Layers, spec);
        if (!IsPrompt)
            Expect("num_attention_heads", heads.KeyValueCount, Heads, spec);
        if (Tokens >= spec.ContextLength)
        {
            throw new InvalidOperationException(
                $"{File}: 'num_virtual_tokens': expected less than {spec.ContextLength},"
                + $" the context of this {spec.Family} base, found {Tokens}.");
        }
    }

    private static void Expect(string key, int expected, int found, TransformerSpec spec)
    {
        if (found != expected)
        {
            throw new InvalidOperationException(
                $"{File}: '{key}': expected {expected} for this {spec.Family} base, found {found}."
                + " It was made for another base.");
        }
    }
}
