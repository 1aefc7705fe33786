using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a training was made from.</summary>
/// <param name="Base">The base's folder or file.</param>
/// <param name="Changed">Options off their defaults.</param>
internal sealed record TrainingOrigin(string Base, IReadOnlyList<ChangedOption> Changed);

/// <summary>An option off its default.</summary>
/// <param name="Name">Its members, from the record of all options down.</param>
/// <param name="Value">What it is.</param>
/// <param name="Default">What it would be.</param>
internal sealed record ChangedOption(string Name, string Value, string Default);
