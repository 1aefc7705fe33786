using System;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>Finds out early, and says plainly, that libtorch cannot be used on this machine.</summary>
internal static class NativeLibrary
{
    private static readonly Lazy<Exception?> Fault = new(Try);

    /// <summary>Throws where libtorch does not load.</summary>
    /// <exception cref="InvalidOperationException">
    /// It does not; the message names the package and the usual causes.
    /// </exception>
    public static void Require()
    {
        if (Fault.Value is { } fault)
            throw Refusal(fault);
    }

    /// <summary>A plain sentence; what was tried where, which is a page, is inside.</summary>
    internal static InvalidOperationException Refusal(Exception fault) => new(
        "libtorch 2.10 does not load. The application must reference one TorchSharp backend of version 0.107.0 "
        + "(TorchSharp-cpu, TorchSharp-cuda-linux or TorchSharp-cuda-windows), and on Linux glibc 2.34 or newer is "
        + "needed. Looked for: LibTorchSharp and libtorch beside the application.", fault);

    private static Exception? Try()
    {
        try
        {
            using torch.Tensor tensor = torch.zeros(1);
            return null;
        }
        catch (Exception fault)
            when (fault is TypeInitializationException or NotSupportedException or DllNotFoundException
            or EntryPointNotFoundException)
        {
            return fault;
        }
    }
}
