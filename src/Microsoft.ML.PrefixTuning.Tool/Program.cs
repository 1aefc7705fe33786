using System.Globalization;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>The command <c>prefix-tune</c>.</summary>
internal static class Program
{
    /// <summary>The process, or what it does within one of a test.</summary>
    internal static int Main(string[] arguments)
    {
        // A number on the command line means the same everywhere.
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
        // A C library that takes the one takes the other.
        if (NativeHeap.ShareArenas())
            NativeHeap.OfferLargeBlocks();
        using ToolConsole console = ToolConsole.OfProcess();
        return ToolCommand.Run(arguments, console);
    }
}
