using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// What the library's own comments say about its options, from the file of comments beside its assembly, in the
/// command's words: options are called by their names here, and values as they are typed.
/// </summary>
internal static partial class OptionComments
{
    private static readonly Lazy<Dictionary<string, XElement>> Members = new(Read);

    // Defaults that the calling program decides: here this tool does.
    private static readonly Dictionary<string, string> OfTheTool = new()
    {
        [nameof(PrefixTuningOptions.Device)] = "Default: cpu.",
        [nameof(TrainingOptions.Seed)] = "Default: that of the state that is resumed, else drawn anew.",
    };

    // What a line can say in place of a value.
    private static readonly Dictionary<string, string> OnALine = new()
    {
        [nameof(PrefixTuningOptions.Template)] = $"{NamedTemplate.Chat} stands for the base's chat template.",
    };

    /// <summary>
    /// What an option means, and its default where that is no plain value; empty where the comments are missing.
    /// </summary>
    /// <param name="property">A property of an option record.</param>
    /// <param name="hasDefault">Whether the default is shown otherwise.</param>
    public static string Describe(PropertyInfo property, bool hasDefault)
    {
        XElement? comment = Find($"P:{property.DeclaringType!.FullName}.{property.Name}");
        if (comment?.Element("inheritdoc")?.Attribute("cref")?.Value is { } inherited)
            comment = Find(inherited);
        string[] parts =
        [
            Text(comment?.Element("summary")), OnALine.GetValueOrDefault(property.Name, ""),
            hasDefault ? "" : Default(property, comment),
        ];
        return string.Join(' ', parts.Where(part => part.Length > 0));
    }

    /// <summary>What a record is; empty where the comments are missing.</summary>
    public static string Summary(Type record) => Text(Find($"T:{record.FullName}")?.Element("summary"));

    private static string Default(PropertyInfo property, XElement? comment)
    {
        string stated = DefaultIs().Replace(Text(comment?.Element("value")), "Default: ");
        return OfTheTool.TryGetValue(property.Name, out string? own) ? own : stated == "Default: null." ? "" : stated;
    }

    private static Dictionary<string, XElement> Read()
    {
        IEnumerable<string> files = ((Type[])[typeof(PrefixTuningOptions), typeof(LlamaCppOptions)])
            .Select(type => Path.Combine(AppContext.BaseDirectory, $"{type.Assembly.GetName().Name}.xml"));
        return files.Where(File.Exists).SelectMany(path => XDocument.Load(path).Descendants("member"))
            .ToDictionary(member => member.Attribute("name")!.Value);
    }

    private static XElement? Find(string name) => Members.Value.GetValueOrDefault(name);

    private static string Text(XElement? element)
    {
        var text = new StringBuilder();
        foreach (XNode node in element?.Nodes() ?? [])
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "see" } see =>
                    see.Attribute("langword")?.Value ?? Referred(see.Attribute("cref")!.Value),
                XElement other => other.Value,
                _ => "",
            });
        }
        return WhiteSpace().Replace(text.ToString(), " ").Trim();
    }

    /// <summary>A member that a comment refers to: an option by its name, anything else as it is typed.</summary>
    private static string Referred(string reference)
    {
        string[] names = reference[2..].Split('(')[0].Split('.');
        string record = string.Join('.', names[..^1]);
        Type? owner = typeof(PrefixTuningOptions).Assembly.GetType(record)
            ?? typeof(LlamaCppOptions).Assembly.GetType(record);
        if (owner == typeof(TrainingSummary))
            return $"the summary's {OptionText.Kebab(names[^1]).Replace('-', ' ')}";
        bool isOption = reference[0] == 'P' && owner?.GetProperty(names[^1]) is { CanWrite: true };
        return isOption ? OptionNames.For(owner!).Of(names[^1]) : OptionText.Kebab(names[^1]);
    }

    [GeneratedRegex(@"^The default is (null: )?")]
    private static partial Regex DefaultIs();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
