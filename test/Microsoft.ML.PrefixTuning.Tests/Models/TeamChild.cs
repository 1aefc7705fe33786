using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>What a child process tells of the threads that work of our own has.</summary>
internal static class TeamChild
{
    /// <summary>Verb: does work with five of torch's threads, and tells which took part.</summary>
    public const string Meet = "meet-in-a-team";

    public static void TellThreads()
    {
        set_num_threads(5);
        var work = new Meeting(5);
        work.Run(threads: 5, isTorchs: true);
        Console.Write(work.Seen);
    }
}
