using System;
using LLama.Native;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>What is done with a context of llama.cpp.</summary>
internal static class LlamaContexts
{
    /// <summary>Runs a batch.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp failed.</exception>
    public static void Run(this SafeLLamaContextHandle context, LLamaBatch batch)
    {
        DecodeResult result = context.Decode(batch);
        if (result != DecodeResult.Ok)
        {
            throw new InvalidOperationException($"llama.cpp failed on a batch of {batch.TokenCount} tokens: {result}."
                + NativeBackend.LastMessages());
        }
    }

    /// <summary>Reads tokens into an empty sequence, from position 0 on.</summary>
    public static void Read(this SafeLLamaContextHandle context, int sequence, ReadOnlySpan<int> ids)
    {
        var batch = new LLamaBatch();
        for (int i = 0; i < ids.Length; i++)
            batch.Add(ids[i], i, (LLamaSeqId)sequence, false);
        context.Run(batch);
    }

    /// <summary>[V], scores behind a token that is read at a position of a sequence.</summary>
    public static float[] Scores(this SafeLLamaContextHandle context, int sequence, int position, int id)
    {
        var batch = new LLamaBatch();
        int place = batch.Add(id, position, (LLamaSeqId)sequence, true);
        context.Run(batch);
        return context.GetLogitsIth(place).ToArray();
    }

    /// <summary>The state of a sequence.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp did not give it.</exception>
    public static unsafe byte[] GetSequence(this SafeLLamaContextHandle context, int sequence)
    {
        var state = new byte[(long)context.GetStateSize((LLamaSeqId)sequence)];
        nuint written;
        fixed (byte* start = state)
            written = context.GetState(start, (nuint)state.Length, (LLamaSeqId)sequence);
        return written == (nuint)state.Length ? state : throw new InvalidOperationException(
            $"llama.cpp, state of a sequence: expected {state.Length} bytes, found {written}.");
    }

    /// <summary>Puts a state into an empty sequence.</summary>
    /// <exception cref="InvalidOperationException">llama.cpp did not take it.</exception>
    public static unsafe void SetSequence(this SafeLLamaContextHandle context, int sequence, byte[] state)
    {
        nuint read;
        fixed (byte* start = state)
            read = context.SetState(start, (nuint)state.Length, (LLamaSeqId)sequence);
        if (read != (nuint)state.Length)
        {
            throw new InvalidOperationException($"llama.cpp did not take the state of a prefix ({state.Length} bytes):"
                + $" expected all of them read, found {read}." + NativeBackend.LastMessages());
        }
    }
}
