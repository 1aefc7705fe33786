using System.Collections.Generic;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>The sizes of a BART, its config and its weights by Hugging Face's names.</summary>
/// <param name="Vocabulary">Tokens.</param>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="Layers">Layers of each of the two stacks.</param>
/// <param name="Heads">Heads of each attention.</param>
/// <param name="Inner">Width within the feed-forward.</param>
/// <param name="Positions">Tokens of the longest text.</param>
internal sealed record BartShape(int Vocabulary, int Width, int Layers, int Heads, int Inner, int Positions)
{
    // BART's learned positions begin at row 2.
    private const int PositionOffset = 2;

    // One over the root of the width that is the default here; the usual 0.02 fits widths of a thousand and more, and
    // lets a small model lie still for a thousand steps.
    private const double Deviation = 0.06;

    /// <summary>The content of config.json.</summary>
    public JsonObject Config() => new()
    {
        ["architectures"] = new JsonArray("BartForConditionalGeneration"),
        ["model_type"] = "bart",
        ["vocab_size"] = Vocabulary,
        ["d_model"] = Width,
        ["encoder_layers"] = Layers,
        ["decoder_layers"] = Layers,
        ["encoder_attention_heads"] = Heads,
        ["decoder_attention_heads"] = Heads,
        ["encoder_ffn_dim"] = Inner,
        ["decoder_ffn_dim"] = Inner,
        ["max_position_embeddings"] = Positions,
        ["activation_function"] = "gelu",
        ["dropout"] = 0.0,
        ["attention_dropout"] = 0.0,
        ["activation_dropout"] = 0.0,
        ["scale_embedding"] = false,
        ["tie_word_embeddings"] = true,
        ["is_encoder_decoder"] = true,
        ["init_std"] = Deviation,
        ["dtype"] = "bfloat16",
        ["bos_token_id"] = 0,
        ["pad_token_id"] = 1,
        ["eos_token_id"] = 2,
        ["decoder_start_token_id"] = 2,
        ["forced_eos_token_id"] = null,
    };

    /// <summary>The content of generation_config.json.</summary>
    public static JsonObject GenerationConfig() => new()
    {
        ["bos_token_id"] = 0,
        ["pad_token_id"] = 1,
        ["eos_token_id"] = 2,
        ["decoder_start_token_id"] = 2,
        ["forced_bos_token_id"] = 0,
        ["forced_eos_token_id"] = 2,
        ["max_length"] = 128,
    };

    /// <summary>
    /// Weights as they are before training: normal with deviation 0.06, biases 0, norms 1. Owned by the caller's scope.
    /// </summary>
    /// <param name="seed">Seed.</param>
    public IEnumerable<KeyValuePair<string, Tensor>> Start(int seed)
    {
        int number = 0;
        foreach ((string name, long[] shape, bool isNorm) in Parameters())
        {
            var random = new SeededRandom(seed, RandomPurpose.Start, number++);
            Tensor value = isNorm ? ones(shape) : shape.Length == 1 ? zeros(shape)
                : AlignedTensor.Of(random.Normal(shape[0] * shape[1], Deviation), shape, CPU);
            yield return new(name, value);
        }
    }

    private IEnumerable<(string Name, long[] Shape, bool IsNorm)> Parameters()
    {
        yield return ("model.shared.weight", [Vocabulary, Width], false);
        foreach (string stack in (string[])["encoder", "decoder"])
        {
            string root = $"model.{stack}.";
            yield return (root + "embed_positions.weight", [Positions + PositionOffset, Width], false);
            yield return (root + "layernorm_embedding.weight", [Width], true);
            yield return (root + "layernorm_embedding.bias", [Width], false);
            for (int layer = 0; layer < Layers; layer++)
            {
                foreach ((string name, long[] shape, bool isNorm) in Layer(stack == "decoder"))
                    yield return ($"{root}layers.{layer}.{name}", shape, isNorm);
            }
        }
    }

    private IEnumerable<(string Name, long[] Shape, bool IsNorm)> Layer(bool cross)
    {
        foreach (string attention in cross ? (string[])["self_attn", "encoder_attn"] : ["self_attn"])
        {
            foreach (string part in (string[])["q_proj", "k_proj", "v_proj", "out_proj"])
            {
                yield return ($"{attention}.{part}.weight", [Width, Width], false);
                yield return ($"{attention}.{part}.bias", [Width], false);
            }
            yield return ($"{attention}_layer_norm.weight", [Width], true);
            yield return ($"{attention}_layer_norm.bias", [Width], false);
        }
        yield return ("fc1.weight", [Inner, Width], false);
        yield return ("fc1.bias", [Inner], false);
        yield return ("fc2.weight", [Width, Inner], false);
        yield return ("fc2.bias", [Width], false);
        yield return ("final_layer_norm.weight", [Width], true);
        yield return ("final_layer_norm.bias", [Width], false);
    }
}
