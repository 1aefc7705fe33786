namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>A verb of the command.</summary>
/// <param name="name">Its name.</param>
/// <param name="description">What it does.</param>
internal sealed class Verb(string name, string description) : System.CommandLine.Command(name, description);
