using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Generators whose base llama.cpp computes: the same requests and results, quantised files too.</summary>
public static class LlamaCppGenerator
{
    // llama.cpp takes the memory of all of them at once.
    private const int UsualCacheTokens = 8192;

    /// <summary>
    /// Loads a GGUF file with llama.cpp and makes a generator over it: it writes with any of some prefixes, or without
    /// one, for many callers at once.
    /// </summary>
    /// <param name="path">The file; of one that is split, the first part, which has the others beside it.</param>
    /// <param name="prefixes">
    /// Prefixes made for this model, by the names that requests give; null for none. One that was trained on the full
    /// base serves a quantised file of it: shape, vocabulary and tokenizer must be the same, weights need not
    /// (<see cref="LlamaCppOptions.Note"/> is told).
    /// </param>
    /// <param name="generation">
    /// Template, threads that compute, and how texts are written where a request does not say; null means the defaults.
    /// Precision and device are llama.cpp's.
    /// </param>
    /// <param name="options">
    /// How much is worked on at once; null means the defaults with 8,192
    /// <see cref="TextGeneratorOptions.CacheTokens"/>, since llama.cpp takes the memory of all at once. Each row needs
    /// only the tokens that it has itself.
    /// </param>
    /// <param name="llamaCpp">How llama.cpp runs the base; null means the defaults.</param>
    /// <returns>The generator, which owns the loaded base: dispose it.</returns>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <exception cref="InvalidOperationException">
    /// A prefix was made for another model; or llama.cpp's native library was not found, or failed.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// llama.cpp's texts of this architecture were not compared with this library's own, a prefix is an infix, takes no
    /// positions or has values that are too large for <see cref="LlamaCppOptions.Cache"/>, or this version of llama.cpp
    /// keeps its states otherwise.
    /// </exception>
    /// <exception cref="System.IO.IOException">The file is not there or cannot be read.</exception>
    /// <exception cref="FormatException">The file is broken.</exception>
    /// <remarks>
    /// <para>The application references a backend package of LLamaSharp (LLamaSharp.Backend.Cpu, or one for CUDA or
    /// Vulkan) and a libtorch package, such as TorchSharp-cpu.</para>
    /// <para>Texts of an unquantised file are those of this library but for rounding (with
    /// <see cref="LlamaCppCache.Float32"/> to the last digits): where two tokens are nearly as probable, they may
    /// differ. Where layers have a window, prefix, prompt and new tokens together are bounded by the smallest.</para>
    /// <para>Only use base models and prefixes from sources you trust.</para>
    /// </remarks>
    /// <example>
    /// <code>
    /// using TextGenerator generator = LlamaCppGenerator.FromGguf("SmolLM2-135M-Instruct.Q4_1.gguf",
    ///     new Dictionary&lt;string, Prefix&gt; { ["describe"] = Prefix.Load("describe.safetensors") });
    /// TextResult result = await generator.GenerateAsync(new TextRequest { Text = facts, Prefix = "describe" });
    /// </code>
    /// </example>
    public static TextGenerator FromGguf(string path, IReadOnlyDictionary<string, Prefix>? prefixes = null,
        TextGenerationOptions? generation = null, TextGeneratorOptions? options = null,
        LlamaCppOptions? llamaCpp = null) =>
        FromGguf(BaseModel.FromGguf(path), prefixes, generation, options, llamaCpp);

    /// <param name="baseModel">The file, such as one whose pre-tokenizer is named.</param>
    /// <param name="prefixes">Prefixes made for this model, by the names that requests give; null for none.</param>
    /// <param name="generation">Template, threads and options of writing; null means the defaults.</param>
    /// <param name="options">How much is worked on at once; null means the defaults with 8,192 tokens.</param>
    /// <param name="llamaCpp">How llama.cpp runs the base; null means the defaults.</param>
    /// <inheritdoc cref="FromGguf(string, IReadOnlyDictionary{string, Prefix}?, TextGenerationOptions?,
    /// TextGeneratorOptions?, LlamaCppOptions?)"/>
    public static TextGenerator FromGguf(BaseModel baseModel, IReadOnlyDictionary<string, Prefix>? prefixes = null,
        TextGenerationOptions? generation = null, TextGeneratorOptions? options = null,
        LlamaCppOptions? llamaCpp = null)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        generation ??= new TextGenerationOptions();
        options ??= new TextGeneratorOptions { CacheTokens = UsualCacheTokens };
        llamaCpp ??= new LlamaCppOptions();
        LlamaCppSettings.Check(generation, llamaCpp);
        Faults.Throw(options.Check);
        PrefixesByValue choice = PrefixesByValue.ByName(prefixes);
        var settings = new TextSettings("", "", generation.Template, generation.Generation, generation.Precision,
            EmbedBase: false)
        { Threads = generation.Threads };
        LlamaBase described = LlamaBase.Read(baseModel, choice.All);
        return new TextGenerator(new LlamaEngine(LlamaModel.Load(described, llamaCpp, generation.Threads)), settings,
            choice, options);
    }
}
