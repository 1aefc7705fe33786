using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>SmolLM3: Llama with layers that do not rotate; if windows are used, these layers have one.</summary>
internal sealed class SmolLM3 : Llama
{
    private const string Rotated = "no_rope_layers", Types = "layer_types";

    public override string ModelType => "smollm3";

    protected override LlamaDefaults Defaults => new(Context: 32768, KeyValueHeads: 4, Tied: true)
    {
        Rotation = new RopeKeys { DefaultBase = 2_000_000 },
    };

    public override TransformerSpec Describe(ModelConfig config)
    {
        TransformerSpec llama = base.Describe(config);
        int[] unrotated = Unrotated(config, llama.Decoder.Layers);
        return llama with
        {
            Decoder = llama.Decoder with
            {
                Positions = (RotaryPositions)llama.Decoder.Positions with { Unrotated = unrotated },
                Windows = Windows(config, llama.Decoder.Layers, unrotated),
            },
        };
    }

    // In spite of its name the list has a 1 for a layer that rotates.
    private static int[] Unrotated(ModelConfig config, int layers)
    {
        int step = config.Count("no_rope_layer_interval", 4);
        if (config.Numbers(Rotated) is not { } rotated)
            return [.. Enumerable.Range(0, layers).Where(layer => (layer + 1) % step == 0)];
        return rotated.Count >= layers && rotated.All(one => one is 0 or 1)
            ? [.. Enumerable.Range(0, layers).Where(layer => rotated[layer] == 0)]
            : throw config.Wrong(Rotated, $"a 0 or 1 for each of {layers} layers");
    }

    private static IReadOnlyList<int?> Windows(ModelConfig config, int layers, int[] unrotated)
    {
        if (config.Has("sliding_window") && config.Flag("use_sliding_window", false))
            return config.Windows(layers, unrotated.Contains);
        if (config.Has("sliding_window") && config.Texts(Types)?.Contains("sliding_attention") == true)
            throw config.Wrong(Types, "full_attention alone where use_sliding_window is false");
        return [];
    }
}
