using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Generators as services of an application.</summary>
public static class PrefixTuningServiceExtensions
{
    private const string PrefixesKey = "Prefixes";

    /// <summary>Adds one <see cref="TextGenerator"/> for the whole application, which the container disposes.</summary>
    /// <param name="services">The services.</param>
    /// <param name="baseModel">The base that it writes with.</param>
    /// <param name="section">
    /// A section with the generator's options; null for the defaults. It has the members of
    /// <see cref="TextGenerationOptions"/> and of <see cref="TextGeneratorOptions"/>, read as
    /// <see cref="PrefixTuningConfigurationExtensions.ReadOptions"/> reads them, and under <c>Prefixes</c> the files of
    /// prefixes by the names that requests give.
    /// </param>
    /// <returns>The services.</returns>
    /// <remarks>
    /// <para>Base and prefixes are loaded when the generator is first asked for: ask for it at the start, so that no
    /// request waits for it and what is wrong is told there.</para>
    /// <para>That may throw what <see cref="BaseModel.CreateGenerator"/> throws, and a <see cref="FormatException"/>
    /// that names the paths of keys that are wrong.</para>
    /// </remarks>
    /// <example>
    /// <code>
    /// builder.Services.AddTextGenerator(SmolLM2.Instruct135M, builder.Configuration.GetSection("PrefixTuning"));
    /// </code>
    /// </example>
    public static IServiceCollection AddTextGenerator(this IServiceCollection services, BaseModel baseModel,
        IConfiguration? section = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(baseModel);
        return services.AddSingleton(_ => section is null ? baseModel.CreateGenerator() : Make(baseModel, section));
    }

    private static TextGenerator Make(BaseModel baseModel, IConfiguration section)
    {
        IReadOnlyList<object> read = new SectionReader().Read(section,
            [new TextGenerationOptions(), new TextGeneratorOptions()], [PrefixesKey]);
        IConfigurationSection? files = SectionReader.Find(section, PrefixesKey);
        if (files?.Value is { Length: > 0 } value)
            throw new FormatException($"{files.Path}: expected names with files below it, found '{value}'.");
        Dictionary<string, Prefix> prefixes = (files?.GetChildren() ?? []).ToDictionary(prefix => prefix.Key, Load);
        return baseModel.CreateGenerator(prefixes, (TextGenerationOptions)read[0], (TextGeneratorOptions)read[1]);
    }

    private static Prefix Load(IConfigurationSection file)
    {
        if (file.Value is not { Length: > 0 } path)
            throw new FormatException($"{file.Path}: expected the file of a prefix, found none.");
        try
        {
            return Prefix.Load(path);
        }
        catch (Exception fault) when (SectionReader.IsOfValue(fault))
        {
            throw new FormatException($"{file.Path}: {fault.Message}", fault);
        }
    }
}
