using Microsoft.ML.PrefixTuning;

namespace Microsoft.ML;

/// <summary>The SmolLM2 models that come with the package Microsoft.ML.PrefixTuning.SmolLM2.</summary>
public static class SmolLM2
{
    /// <summary>
    /// SmolLM2-135M-Instruct in 4 bits (98 MB), from <c>base-models/smollm2-135m-instruct</c> beside the application,
    /// where building or publishing it puts the file. Licence and model card lie beside it.
    /// </summary>
    public static BaseModel Instruct135M =>
        BaseModel.FromBesideApplication("smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
}
