using System.Globalization;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>The command <c>prefix-tune</c>.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        // A number on the command line means the same everywhere.
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
        NativeHeap.ShareArenas();
        using ToolConsole console = ToolConsole.OfProcess();
        return ToolCommand.Run(arguments, console);
    }
}
