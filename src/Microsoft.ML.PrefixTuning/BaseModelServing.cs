using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning;

/// <content>Texts for requests.</content>
public sealed partial record BaseModel
{
    /// <summary>
    /// Loads the base and makes a generator over it: it writes with any of some prefixes, or without one, for many
    /// callers at once.
    /// </summary>
    /// <param name="prefixes">Prefixes made for this base, by the names that requests give; null for none.</param>
    /// <param name="generation">
    /// Template, precision, device, and how texts are written where a request does not say;
    /// <see cref="TextGenerationOptions.EmbedBase"/> and <see cref="TextGenerationOptions.UnseenAttributePrefix"/> have
    /// no part in it. Null means the defaults.
    /// </param>
    /// <param name="options">How much is worked on at once; null means the defaults.</param>
    /// <returns>The generator, which owns its share of the base: dispose it.</returns>
    /// <exception cref="ArgumentException">An option has no good value; the message names each one.</exception>
    /// <exception cref="InvalidOperationException">
    /// A prefix was made for another base; the message says which one and why. Or the device is not there.
    /// </exception>
    /// <exception cref="System.IO.IOException">The base is not there or cannot be read.</exception>
    /// <exception cref="FormatException">A file of the base is broken.</exception>
    /// <remarks>Only use base models and prefixes from sources you trust.</remarks>
    /// <example>
    /// <code>
    /// using TextGenerator generator = SmolLM2.Instruct135M.CreateGenerator(
    ///     new Dictionary&lt;string, Prefix&gt; { ["describe"] = Prefix.Load("describe.safetensors") });
    /// TextResult result = await generator.GenerateAsync(new TextRequest { Text = facts, Prefix = "describe" });
    /// </code>
    /// </example>
    public TextGenerator CreateGenerator(IReadOnlyDictionary<string, Prefix>? prefixes = null,
        TextGenerationOptions? generation = null, TextGeneratorOptions? options = null)
    {
        (generation, options) = (generation ?? new(), options ?? new());
        Faults.Throw(generation.Check);
        Faults.Throw(options.Check);
        PrefixesByValue choice = PrefixesByValue.ByName(prefixes);
        var settings = new TextSettings("", "", generation.Template, generation.Generation, generation.Precision,
            EmbedBase: false)
        { Products = generation.Products, Threads = generation.Threads }.Decided();
        BaseLease lease = BaseLoader.Acquire(this, settings.Used, generation.Device).ByRulesOf(choice.All);
        return new TextGenerator(new BaseEngine(lease), settings, choice, options);
    }
}
