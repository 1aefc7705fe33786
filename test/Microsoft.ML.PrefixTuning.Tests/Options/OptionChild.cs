using System;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>What a child process finds in saved models.</summary>
internal static class OptionChild
{
    /// <summary>
    /// Verb: loads the models of a folder with an untouched MLContext and prints the options of each.
    /// </summary>
    public const string Describe = "describe-options";

    /// <summary>
    /// What an option is called there: by its member, and its record where that is one of a kind or nested.
    /// </summary>
    public static string Key(Type record, string member) =>
        record == typeof(PrefixTuningOptions) || record == typeof(TextGenerationOptions) ? member
            : $"{record.Name}.{member}";

    /// <summary>Prints a line for each option of each model: file, option, value.</summary>
    public static void DescribeAll(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*.zip").Order(StringComparer.Ordinal))
        {
            using var model = (PrefixTuningTransformer)new MLContext(seed: 1).Model.Load(file, out _);
            string name = Path.GetFileName(file);
            TextSettings settings = model.Session.Settings;
            Line("Template", settings.Template);
            Line("Precision", settings.Precision);
            Line("EmbedBase", settings.EmbedBase);
            Line("AttributeColumnName", settings.AttributeColumn);
            Line("UnseenAttributePrefix", model.Prefix);
            Line("UnseenAttribute", model.Prefix is null ? UnseenAttribute.Refuse : UnseenAttribute.UseSharedPart);
            Line("Generation", settings.Generation);
            foreach (object record in (object[])[settings.Generation, settings.Generation.Decoding])
            {
                foreach (PropertyInfo member in OptionValues.Members(record.GetType()))
                    Line($"{record.GetType().Name}.{member.Name}", member.GetValue(record));
            }

            void Line(string option, object? value) => Console.Write($"{name} {option} {OptionValues.Show(value)}\n");
        }
    }
}
