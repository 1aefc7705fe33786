using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// The versions of a saved transformer, and the rule that binds them: a file that uses an option which an older reader
/// does not know says that it is readable from the version that knows it first; a file that leaves the option at its
/// default stays readable by the older reader.
/// </summary>
internal static class FormatVersion
{
    // *** Version 1: initial; read by ModelFormat/Former.
    // *** Version 2: the base's identity as a list of named values; the rules by which texts become tokens and end;
    // *** options as their records have them.
    // *** Version 3: SamplingDecoding.MinP, GenerationOptions.RememberedTexts.
    // *** Version 4: ModelPrecision.AsStored.
    // *** Version 5: SamplingDecoding.DrawColumnName.
    // *** Version 6: ModelPrecision.Int8, ModelPrecision.Int4.
    /// <summary>Version that is written; a new one needs a saved model of its own among the tests' files.</summary>
    public const uint Present = 0x00010006;

    /// <summary>Oldest version that is read.</summary>
    public const uint Oldest = 0x00010001;

    // Every file is written with all options that this version has.
    private const uint Records = 0x00010002;

    // Options that came after the records themselves, and the version whose reader knows them first. None is ever
    // taken out.
    private static readonly Dictionary<(Type Record, string Member), uint> Later = new()
    {
        [(typeof(GenerationOptions), nameof(GenerationOptions.RememberedTexts))] = 0x00010003,
        [(typeof(SamplingDecoding), nameof(SamplingDecoding.MinP))] = 0x00010003,
        [(typeof(SamplingDecoding), nameof(SamplingDecoding.DrawColumnName))] = 0x00010005,
    };

    // The same for values of options that every version has.
    private static readonly Dictionary<ModelPrecision, uint> LaterPrecisions = new()
    {
        [ModelPrecision.AsStored] = 0x00010004,
        [ModelPrecision.Int8] = 0x00010006,
        [ModelPrecision.Int4] = 0x00010006,
    };

    /// <summary>Whether a file may lack a member, which then has its default.</summary>
    public static bool MayLack(Type record, string member) => Later.ContainsKey((record, member));

    /// <summary>The oldest version whose reader understands a model with such options.</summary>
    public static uint ReadableFrom(TextSettings settings) =>
        Used(settings.Generation).Append(Records).Append(LaterPrecisions.GetValueOrDefault(settings.Precision)).Max();

    private static IEnumerable<uint> Used(object options)
    {
        Type record = options.GetType();
        object untouched = Activator.CreateInstance(record)!;
        foreach (PropertyInfo property in record.GetProperties().Where(property => property.CanWrite))
        {
            object? value = property.GetValue(options);
            bool isUsed = !Equals(value, property.GetValue(untouched));
            if (isUsed && Later.TryGetValue((record, property.Name), out uint since))
                yield return since;
            if (value is Decoding)
            {
                foreach (uint inner in Used(value))
                    yield return inner;
            }
        }
    }
}
