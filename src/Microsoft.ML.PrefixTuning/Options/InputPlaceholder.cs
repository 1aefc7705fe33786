using System;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Where a row's input goes in a template.</summary>
internal static class InputPlaceholder
{
    /// <summary>As it is written.</summary>
    public const string Text = "{input}";

    /// <summary>How often a template has it, as far as it matters: 0, 1, or 2 for more than once.</summary>
    public static int CountIn(string template)
    {
        int first = template.IndexOf(Text, StringComparison.Ordinal);
        return first < 0 ? 0 : template.IndexOf(Text, first + 1, StringComparison.Ordinal) < 0 ? 1 : 2;
    }

    /// <summary>A template up to its place, which is the end of it, and from its place on.</summary>
    /// <param name="template">A template that has the place once.</param>
    public static (string UpTo, string From) Cut(string template)
    {
        int place = template.IndexOf(Text, StringComparison.Ordinal);
        return (template[..(place + Text.Length)], template[place..]);
    }

    /// <summary>Checks the template among options; null is the base's own.</summary>
    public static void Check(Faults faults, string? template)
    {
        if (template is not null)
            faults.That(CountIn(template) == 1, "Template", $"{Text} exactly once", $"'{template}'");
    }
}
