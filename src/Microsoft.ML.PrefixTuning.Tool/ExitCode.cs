namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>What the command returns (docs/tool.md).</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>A file, a row or the machine is at fault.</summary>
    public const int Failed = 1;

    /// <summary>The command line is at fault.</summary>
    public const int Usage = 2;

    /// <summary>Ctrl-C; what a training had reached is saved.</summary>
    public const int Cancelled = 130;
}
