using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>The base that a saved transformer needs.</summary>
internal sealed record SavedBase
{
    /// <summary>Folder or file name under which the base was known, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>Where it was when the model was saved.</summary>
    public required string Path { get; init; }

    /// <summary>Which base it is, wherever its files lie.</summary>
    public required IBaseIdentity Identity { get; init; }

    /// <summary>The base's files, where the model carries them; stream i of the entry holds file i.</summary>
    public IReadOnlyList<SavedFile>? Files { get; init; }

    /// <summary>What it is looked for by.</summary>
    public NeededBase ToNeeded() => new(Name, Path, Identity.Weights);
}

/// <summary>A file that a saved model carries.</summary>
/// <param name="Name">Plain file name.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Hash">SHA-256, hexadecimal.</param>
internal sealed record SavedFile(string Name, long Bytes, string Hash);
