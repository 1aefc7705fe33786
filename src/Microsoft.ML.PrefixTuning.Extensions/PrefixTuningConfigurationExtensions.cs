using System;
using System.Collections.Generic;
using Microsoft.Extensions.Configuration;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Options of this library from the configuration of an application.</summary>
public static class PrefixTuningConfigurationExtensions
{
    /// <summary>Reads a record of options from a section.</summary>
    /// <typeparam name="T">
    /// <see cref="PrefixTuningOptions"/>, <see cref="TextGenerationOptions"/>, <see cref="TextGeneratorOptions"/>,
    /// <see cref="DistillationOptions"/>, or a record that one of these has as a member.
    /// </typeparam>
    /// <param name="section">The section. Where it says nothing, the record stays as it is.</param>
    /// <param name="start">What the section changes; null means the defaults.</param>
    /// <returns>The options, in which every value has been checked.</returns>
    /// <remarks>
    /// <para>Keys are the members' names as docs/options.md has them; capitals and hyphens make no difference. A member
    /// that is a record is a section; a list is an array, or a single value. An option that has several kinds
    /// (decoding, method, parametrisation, start) is the kind's name, <c>"Decoding": "beam"</c>, with values behind
    /// colons as on the command line, <c>"Parametrization": "mlp:512:2"</c>, or a section with the kind under
    /// <c>Kind</c> and the members beside it. A prefix is the path of its file.</para>
    /// <para>What no text can say (a callback, a token of cancellation, workers, a validation set) is refused.</para>
    /// </remarks>
    /// <exception cref="FormatException">
    /// A key is no option, or a value none of its option's. The message has all that is wrong, a line each with the
    /// path of the key, and for a key what may have been meant.
    /// </exception>
    /// <exception cref="ArgumentException">The type is no record of this library's options.</exception>
    /// <example>
    /// <code>
    /// PrefixTuningOptions options = configuration.GetSection("PrefixTuning").ReadOptions&lt;PrefixTuningOptions&gt;();
    /// </code>
    /// </example>
    public static T ReadOptions<T>(this IConfiguration section, T? start = null)
        where T : class, new()
    {
        ArgumentNullException.ThrowIfNull(section);
        if (!OptionRecords.All.Contains(typeof(T)))
            throw new ArgumentException(
                $"ReadOptions: expected a record of options of this library, found {typeof(T).Name}.", nameof(T));
        IReadOnlyList<object> read = new SectionReader().Read(section, [start ?? new T()], []);
        return (T)read[0];
    }
}
