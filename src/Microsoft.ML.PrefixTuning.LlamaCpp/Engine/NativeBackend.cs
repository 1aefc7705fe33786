using System;
using System.Collections.Generic;
using System.Threading;
using LLama.Exceptions;
using LLama.Native;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>
/// llama.cpp's native library, loaded once. Its messages go nowhere but into this library's errors, unless the
/// application loaded it before and takes them itself.
/// </summary>
internal static class NativeBackend
{
    private const int MostMessages = 4;

    private static readonly Lock s_lock = new();
    private static readonly Queue<string> s_messages = [];
    private static bool s_isLoaded;

    /// <summary>Loads it where it is not.</summary>
    /// <exception cref="InvalidOperationException">It cannot be loaded.</exception>
    public static void Load()
    {
        lock (s_lock)
        {
            if (s_isLoaded)
                return;
            bool isOwn = !NativeLibraryConfig.LLama.LibraryHasLoaded;
            if (isOwn)
                NativeLogConfig.llama_log_set(Keep);
            try
            {
                NativeApi.llama_empty_call();
            }
            catch (Exception fault) when (fault is RuntimeError or DllNotFoundException or TypeInitializationException)
            {
                throw new InvalidOperationException("llama.cpp's native library was not loaded. Expected a backend"
                    + " package in the application (LLamaSharp.Backend.Cpu, or one for CUDA, Vulkan), in the version of"
                    + " LLamaSharp, and what it needs of the system: on Linux libgomp.so.1 (Debian and Ubuntu: package"
                    + " libgomp1).", fault);
            }
            s_isLoaded = true;
        }
    }

    /// <summary>What llama.cpp said last of what is wrong; empty where it said nothing.</summary>
    public static string LastMessages()
    {
        lock (s_messages)
        {
            string said = string.Join(' ', s_messages);
            s_messages.Clear();
            return said.Length == 0 ? "" : $" It says: {said}";
        }
    }

    private static void Keep(LLamaLogLevel level, string message)
    {
        if (level != LLamaLogLevel.Error)
            return;
        lock (s_messages)
        {
            s_messages.Enqueue(message.Trim());
            if (s_messages.Count > MostMessages)
                s_messages.Dequeue();
        }
    }
}
