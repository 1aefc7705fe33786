using System;
using System.Diagnostics;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>What a child process tells of the memory that attention takes.</summary>
internal static class AttentionChild
{
    /// <summary>Verb: attends to a long row, forward and back, and tells by how many megabytes memory grew.</summary>
    public const string Attend = "attend-to-long-row";

    /// <param name="mostNumbers">Numbers of a mask that is made at once.</param>
    public static void AttendToLongRow(long mostNumbers)
    {
        // What a process makes once.
        Run(50);
        long before = Highest();
        Run(2500);
        Console.Write((Highest() - before) >> 20);

        void Run(int tokens)
        {
            using var scope = NewDisposeScope();
            StackSpec stack = AttentionTrial.OfKind("bias");
            AttentionPlaces places = AttentionTrial.Places("everywhere", [tokens]);
            AttentionTrial.Attend(AttentionTrial.Mask(places, stack, mostNumbers), [tokens], stack);
        }

        static long Highest()
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }
    }
}
