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
    /// <param name="console">Takes the lines.</param>
    /// <param name="words">Names of the verb's options.</param>
    public static MLContext Make(ToolConsole console, OptionWords words) => Make(console.Error.WriteLine, words);

    /// <summary>The same for another taker of lines.</summary>
    public static MLContext Make(Action<string> say, OptionWords words)
    {
        var mlContext = new MLContext();
        mlContext.Log += (_, log) =>
        {
            if (log.Kind >= ChannelMessageKind.Warning)
                say($"prefix-tune: warning: {words.Of(log.RawMessage)}");
            else if (ResumeMessage.Is(log.RawMessage))
                say(log.RawMessage);
        };
        return mlContext;
    }
}
