using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Options that name a format of rows.</summary>
internal static class FormatOption
{
    /// <summary>Makes one.</summary>
    /// <param name="name">With its hyphens.</param>
    /// <param name="description">Without a full stop.</param>
    /// <param name="known">The formats that it takes; null for all.</param>
    public static Option<TableFormat?> Make(string name, string description,
        IReadOnlyList<TableFormat>? known = null)
    {
        string[] formats = [.. (known ?? TableFormats.All).Select(TableFormats.NameOf)];
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
