using System;
using System.CommandLine;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Options that name a format of rows.</summary>
internal static class FormatOption
{
    /// <summary>Makes one.</summary>
    public static Option<TableFormat?> Make(string name, string description)
    {
        string[] formats = [.. TableFormats.Names];
        var option = new Option<TableFormat?>(name)
        {
            Description = $"{description}.",
            HelpName = string.Join('|', formats),
            CustomParser = result =>
                Enum.TryParse(result.Tokens[0].Value, ignoreCase: true, out TableFormat format) ? format : null,
        };
        option.AcceptOnlyFromAmong(formats);
        return option;
    }
}
