using System;
using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Arguments that are paths.</summary>
internal static class PathArgument
{
    /// <summary>Makes one that does not take a misspelt option for a path; <c>./--name</c> still is one.</summary>
    public static Argument<T> Make<T>(string name, string description)
    {
        var argument = new Argument<T>(name) { Description = description };
        argument.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (token.Value.StartsWith("--", StringComparison.Ordinal))
                    result.AddError($"Unrecognized option '{token.Value}'.");
            }
        });
        return argument;
    }
}
