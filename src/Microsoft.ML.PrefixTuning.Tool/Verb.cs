using System.Collections.Generic;
using System.CommandLine;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>A verb of the command.</summary>
/// <param name="name">Its name.</param>
/// <param name="description">What it does.</param>
internal sealed class Verb(string name, string description) : System.CommandLine.Command(name, description)
{
    private readonly Dictionary<Option, string> _groups = [];

    /// <summary>What the library's messages call its options, and how these are typed.</summary>
    public OptionWords Words { get; } = new();

    /// <summary>Names a group of options in the verb's help: all without one so far.</summary>
    public void Group(string title)
    {
        foreach (Option option in Options)
        {
            if (option is not System.CommandLine.Help.HelpOption)
                _groups.TryAdd(option, title);
        }
    }

    /// <summary>The group of an option, by its name with hyphens; null where it is in none.</summary>
    public string? GroupOf(string option)
    {
        foreach ((Option known, string title) in _groups)
        {
            if (known.Name == option)
                return title;
        }
        return null;
    }
}
