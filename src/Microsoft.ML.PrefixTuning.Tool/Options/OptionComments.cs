using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// What the library's own comments say about its options, from the file of comments beside its assembly.
/// </summary>
internal static partial class OptionComments
{
    private static readonly Lazy<XElement[]> Members = new(Read);

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
        string summary = Text(comment?.Element("summary"));
        string value = hasDefault ? "" : DefaultIs().Replace(Text(comment?.Element("value")), "Default: ");
        return $"{summary} {(value.StartsWith("Default: null", StringComparison.Ordinal) ? "" : value)}".Trim();
    }

    private static XElement[] Read()
    {
        string path =
            Path.ChangeExtension(Path.Combine(AppContext.BaseDirectory,
            typeof(PrefixTuningOptions).Assembly.GetName().Name + ".dll"), ".xml");
        return File.Exists(path) ? XDocument.Load(path).Descendants("member").ToArray() : [];
    }

    private static XElement? Find(string name) =>
        Members.Value.FirstOrDefault(member => member.Attribute("name")?.Value == name);

    private static string Text(XElement? element)
    {
        var text = new StringBuilder();
        foreach (XNode node in element?.Nodes() ?? [])
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "see" } see => OptionText.Kebab(see.Attribute("langword")?.Value
                    ?? LastName().Match(see.Attribute("cref")!.Value).Value),
                XElement other => other.Value,
                _ => "",
            });
        }
        return WhiteSpace().Replace(text.ToString(), " ").Trim();
    }

    [GeneratedRegex(@"\w+(?=$|\()")]
    private static partial Regex LastName();

    [GeneratedRegex(@"^The default is (null: )?")]
    private static partial Regex DefaultIs();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
