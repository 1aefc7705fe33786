using System;
using System.Linq;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>What is thrown where memory does not suffice for a tensor.</summary>
internal static class MemoryFault
{
    // Torch's words on the CPU of Linux and Windows, and on a GPU.
    private static readonly string[] Words =
        ["can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc"];

    /// <summary>Whether a fault says that memory does not suffice.</summary>
    public static bool Is(Exception fault) => fault is OutOfMemoryException || fault is ExternalException
        && Words.Any(words => fault.Message.Contains(words, StringComparison.OrdinalIgnoreCase));

    /// <summary>The reason in torch's words, in one line and without its stack.</summary>
    public static string Reason(Exception fault) => fault.Message.Split('\n')[0].Trim();
}
