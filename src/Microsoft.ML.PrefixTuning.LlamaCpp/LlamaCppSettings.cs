namespace Microsoft.ML.PrefixTuning;

/// <summary>Options of writing that llama.cpp has no part in.</summary>
internal static class LlamaCppSettings
{
    /// <summary>Refuses options that have no good value, or none here.</summary>
    /// <exception cref="System.ArgumentException">There are some; the message names each one.</exception>
    public static void Check(TextGenerationOptions generation, LlamaCppOptions llamaCpp) => Faults.Throw(faults =>
    {
        generation.Check(faults);
        faults.That(generation.Precision == ModelPrecision.Float32, nameof(generation.Precision),
            "Float32, the default (llama.cpp keeps numbers as the file has them)", generation.Precision);
        faults.That(generation.Device is null, nameof(generation.Device),
            "null (the application's backend package of LLamaSharp decides)", generation.Device ?? "");
        faults.That(!generation.EmbedBase, nameof(generation.EmbedBase), "false (nothing over llama.cpp is saved)",
            generation.EmbedBase);
        llamaCpp.Check(faults);
    });
}
