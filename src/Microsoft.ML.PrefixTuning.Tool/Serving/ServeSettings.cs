using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>Where the server listens, who may ask, and how much.</summary>
internal sealed record ServeSettings
{
    /// <summary>Stands for every address of the machine.</summary>
    public const string Everywhere = "*";

    /// <summary>What is listened on: <c>localhost</c>, an address, or <see cref="Everywhere"/>.</summary>
    public string Host { get; init; } = "localhost";

    /// <summary>The port; 0 for one that is free.</summary>
    public int Port { get; init; }

    /// <summary>Names besides localhost by which clients may call the server.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Who may ask.</summary>
    public ApiKeys Keys { get; init; } = ApiKeys.None;

    /// <summary>Bytes of a request's body at most.</summary>
    public int MaxBodyBytes { get; init; } = 1 << 20;

    /// <summary>New tokens that a request may ask for, each of its texts.</summary>
    public int MaxTokens { get; init; } = 1024;

    /// <summary>How long a request may take, its wait included.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long running requests may go on when the server is told to stop.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Whether prompts and texts go to the log.</summary>
    public bool LogsTexts { get; init; }
}
