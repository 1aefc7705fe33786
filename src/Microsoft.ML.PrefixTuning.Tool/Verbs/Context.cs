using System;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Makes ML.NET's context for a verb.</summary>
internal static class Context
{
    /// <summary>
    /// A context whose warnings go to the console, and the word that a training goes on from its state.
    /// </summary>
    public static MLContext Make(ToolConsole console) => Make(console.Error.WriteLine);

    /// <summary>The same for another taker of lines.</summary>
    public static MLContext Make(Action<string> say)
    {
        var mlContext = new MLContext();
        mlContext.Log += (_, log) =>
        {
            if (log.Kind >= ChannelMessageKind.Warning)
                say($"prefix-tune: warning: {WarningWords.Of(log.RawMessage)}");
            else if (ResumeMessage.Is(log.RawMessage))
                say(log.RawMessage);
        };
        return mlContext;
    }
}
