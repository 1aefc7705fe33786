using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A line of a description.</summary>
/// <param name="Name">What.</param>
/// <param name="Value">Its value.</param>
internal sealed record Described(string Name, string Value)
{
    /// <summary>Writes lines with their values below each other.</summary>
    public static void Write(IEnumerable<Described> lines, TextWriter writer)
    {
        // All of them first: a fault in the middle must not leave half a description.
        Described[] all = [.. lines];
        int width = all.Max(line => line.Name.Length);
        foreach (Described line in all)
            writer.WriteLine($"{line.Name.PadRight(width)}  {line.Value}");
    }
}
