using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Makes ML.NET's context for a verb.</summary>
internal static class Context
{
    /// <summary>A context whose warnings go to the console.</summary>
    public static MLContext Make(ToolConsole console)
    {
        var mlContext = new MLContext();
        mlContext.Log += (_, log) =>
        {
            if (log.Kind >= ChannelMessageKind.Warning)
                console.Error.WriteLine($"prefix-tune: warning: {log.RawMessage}");
        };
        return mlContext;
    }
}
