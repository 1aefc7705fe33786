using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>What a command's help says of the kinds of an option.</summary>
internal static class OptionCaseHelp
{
    /// <summary>What a kind is and how it is written.</summary>
    public static string Help<T>(this OptionCase<T> one)
        where T : class
    {
        string meaning = one.Meaning ?? OptionComments.Summary(one.Default.GetType());
        string[] defaults = [.. one.Members.Where(member => member.GetValue(one.Default) is not null)
            .Select(member => FormattableString.Invariant(
                $"{OptionCase<T>.Word(member)} {OptionText.Show(member.GetValue(one.Default)!)}"))];
        string shown = defaults.Length == 0 ? "" : $" ({string.Join(", ", defaults)})";
        return $"{one.Form}: {meaning.TrimEnd('.')}{shown}.";
    }
}
