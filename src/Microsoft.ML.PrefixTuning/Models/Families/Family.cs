using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>A model family as data: from its config to a description of the graph, and where its weights lie.</summary>
internal abstract class Family
{
    /// <summary>Every family, by the <c>model_type</c> of config.json. The one list to extend.</summary>
    public static IReadOnlyList<Family> All { get; } =
        [new Llama(), new Mistral(), new Gpt2(), new Qwen2(), new Qwen3(), new GptNeoX(), new Opt(), new Gemma3(),
            new Bart(), new T5(), new Phi3(), new SmolLM3(), new Olmo2(), new Granite(), new Gemma2(), new MBart(),
            new Pegasus()];

    /// <summary>The value of <c>model_type</c>.</summary>
    public abstract string ModelType { get; }

    /// <summary>The family that a config names.</summary>
    /// <exception cref="FormatException">The config names none.</exception>
    /// <exception cref="NotSupportedException">It names one that is not known here.</exception>
    public static Family Of(ModelConfig config)
    {
        string type = config.Text("model_type") ?? throw config.Missing("model_type");
        config.Only("quantization_config");
        return All.FirstOrDefault(family => family.ModelType == type)
            ?? throw config.Unsupported("model_type", string.Join(", ", All.Select(family => family.ModelType)));
    }

    /// <summary>The graph that a config describes.</summary>
    public abstract TransformerSpec Describe(ModelConfig config);

    /// <summary>Names of the weights in a checkpoint folder.</summary>
    public abstract TensorNames Names(TransformerSpec spec, ModelConfig config);
}
