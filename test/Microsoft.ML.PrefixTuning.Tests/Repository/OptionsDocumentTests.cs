using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>docs/options.md is written from the code's own comments.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class OptionsDocumentTests
{
    private static readonly Type[] Documented =
    [
        typeof(PrefixTuningOptions), typeof(PrefixOptions), typeof(TriggerWordsMethod), typeof(MlpParametrization),
        typeof(ResidualMlpParametrization), typeof(TextStart), typeof(RowsStart), typeof(RandomStart),
        typeof(PrefixValuesStart), typeof(TrainingOptions), typeof(EarlyStopping), typeof(GenerationOptions),
        typeof(BeamDecoding), typeof(SamplingDecoding), typeof(TextGenerationOptions), typeof(TextGeneratorOptions),
        typeof(DistillationOptions), typeof(SelfStudyOptions), typeof(TextGenerationEvaluationOptions),
    ];

    private static readonly XDocument Comments =
        XDocument.Load(Path.ChangeExtension(typeof(PrefixTuningOptions).Assembly.Location, ".xml"));

    [TestMethod]
    public void Options_InTheDocument_AreThoseOfTheCode()
    {
        string path = Path.Combine(Source.Root, "docs", "options.md"), found = Write();
        if (Environment.GetEnvironmentVariable("PREFIX_TUNING_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, found);
            return;
        }
        Assert.AreEqual(File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "", found,
            "docs/options.md differs from the code's comments; run this test with PREFIX_TUNING_WRITE_DOCS=1.");
    }

    [TestMethod]
    public void Defaults_InComments_AreThoseOfTheCode()
    {
        foreach (Type type in Documented)
        {
            object defaults = Activator.CreateInstance(type)!;
            foreach (PropertyInfo property in Properties(type))
            {
                object? value = property.GetValue(defaults);
                if (Stated(property) is { } stated && (value is null or bool || value is ValueType
                    && Convert.GetTypeCode(value) != TypeCode.Object && !value.GetType().IsEnum))
                    Assert.IsTrue(Same(Shown(value), stated),
                        $"{type.Name}.{property.Name}: {Shown(value)} in the code, {stated} in its comment");
            }
        }

        static bool Same(string value, string stated) => value == stated
            || (double.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out double number)
                && double.TryParse(stated, System.Globalization.CultureInfo.InvariantCulture, out double other)
                    && number == other);

        static string Shown(object? value) => value switch
        {
            null => "null",
            bool flag => flag ? "true" : "false",
            _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!.ToLowerInvariant(),
        };
    }

    // The default as its comment states it, where it is a plain value.
    private static string? Stated(PropertyInfo property)
    {
        string text = Text(Comment(property).Element("value"));
        Match match = Regex.Match(text, @"^The default is `?([\w.+-]+?)`?(?:[.:;,]? |\.?$)");
        return match.Success ? match.Groups[1].Value : null;
    }

    private static string Write()
    {
        var text = new StringBuilder("# Options\n\nWritten from the comments in the code by a test; do not edit.\n");
        foreach (Type type in Documented)
        {
            text.Append(
                $"\n## {type.Name}\n\n{Text(Comment(type).Element("summary"))}\n\n| option | type | meaning | default"
                    + " |\n|---|---|---|---|\n");
            foreach (PropertyInfo property in Properties(type))
            {
                XElement comment = Comment(property);
                string value = Text(comment.Element("value"));
                text.Append(
                    $"| `{property.Name}` | {Name(property.PropertyType)} | {Text(comment.Element("summary"))} |"
                        + $" {Regex.Replace(value, "^The default (is )?", "")} |\n");
            }
        }
        return text.ToString();
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(property => property.MetadataToken);

    private static XElement Comment(MemberInfo member)
    {
        string name = member is Type type ? $"T:{type.FullName}" : $"P:{member.DeclaringType!.FullName}.{member.Name}";
        XElement found = Comments.Descendants("member").Single(one => one.Attribute("name")!.Value == name);
        string? inherited = found.Element("inheritdoc")?.Attribute("cref")?.Value;
        return inherited is null ? found
            : Comments.Descendants("member").Single(one => one.Attribute("name")!.Value == inherited);
    }

    private static string Text(XElement? element)
    {
        if (element is null)
            return "";
        var text = new StringBuilder();
        foreach (XNode node in element.Nodes())
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
                XElement { Name.LocalName: "see" } see when see.Attribute("langword") is { } word => $"`{word.Value}`",
                XElement { Name.LocalName: "see" } see =>
                    $"`{Regex.Replace(see.Attribute("cref")!.Value, @"^.:(?:[\w]+\.)*(\w+\.\w+)(?:\(.*\))?$", "$1")}`",
                XElement { Name.LocalName: "paramref" } parameter => $"`{parameter.Attribute("name")!.Value}`",
                _ => "",
            });
        }
        return Regex.Replace(text.ToString(), @"\s+", " ").Trim().Replace("|", "\\|", StringComparison.Ordinal);
    }

    // A page would take the brackets for a tag.
    private static string Name(Type type) => TypeName.Of(type).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal);
}
