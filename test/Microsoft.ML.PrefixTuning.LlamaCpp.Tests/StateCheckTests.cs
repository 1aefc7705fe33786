using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using LLama.Native;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>A llama.cpp that keeps states of sequences otherwise is an error at load, whatever the change.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StateCheckTests
{
    // In front of the values of the narrow llama: magic, sequence, streams, cells, 4 cells, transposed, layers.
    private const int Words = 4 + 3 * 4;

    /// <summary>What another version may do, and what is said of it.</summary>
    public static IEnumerable<object[]> Changes => new (string Name, Func<byte[], byte[]> Change, string Expected)[]
    {
        ("a word more in front", state => [.. new byte[4], .. state], "expected"),
        ("a word more behind the cells",
            state => [.. state[..(4 * Words)], .. new byte[4], .. state[(4 * Words)..]], "expected"),
        ("a word less", state => state[..^4], "expected"),
        ("two streams", state => Set(state, 2, 2), "streams, before byte 12: expected 1, found 2"),
        ("another type of keys", state => Set(state, Words + 2, 8), "type of keys"),
        ("keys that are not rotated", state => Turn(state, isKey: true), "keys of the first layer"),
        ("values in another order", state => Turn(state, isKey: false), "values of the first layer"),
        ("no numbers", state => Clear(state), "keys of the first layer"),
    }.Select(one => new object[] { one.Name, one.Change, one.Expected });

    [TestMethod]
    [DynamicData(nameof(Changes))]
    public void Load_WithAnotherLayout_IsRefused(string name, Func<byte[], byte[]> change, string expected)
    {
        NotSupportedException fault = Assert.ThrowsExactly<NotSupportedException>(
            () => LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1, change), name);

        Assert.StartsWith("State of a sequence of this llama.cpp", fault.Message, name);
        Assert.Contains(expected, fault.Message, name);
    }

    [TestMethod]
    public void Load_WithAnotherLayout_SaysNumbersTheSameInGerman()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            Assert.Contains("keys of the first layer within 0.1 of", Assert.ThrowsExactly<NotSupportedException>(
                () => LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1, Clear)).Message);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [TestMethod]
    public void Load_WhereOnlyWrittenStatesDiffer_IsRefused()
    {
        // The first state is read; into the second one the numbers are written, which is spoilt behind its numbers.
        int calls = 0;
        byte[] Change(byte[] state) => calls++ == 0 ? state : Set(state, 4, 1);

        Assert.Contains("position of a cell", Assert.ThrowsExactly<NotSupportedException>(
            () => LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact, threads: 1, Change)).Message);
        Assert.AreEqual(2, calls);
    }

    [TestMethod]
    [DataRow(LlamaCppCache.Float16, true)]
    [DataRow(LlamaCppCache.Float16, false)]
    [DataRow(LlamaCppCache.Float32, true)]
    [DataRow(LlamaCppCache.Float32, false)]
    public void Layout_OfAState_GivesBackWhatWasWritten(LlamaCppCache cache, bool isInterleaved)
    {
        LlamaModel model = LlamaModel.Load(LlamaCase.Narrow.Read(), LlamaCase.Exact with { Cache = cache },
            threads: 1);
        SiteShape shape = SiteShape.Of(model.Spec, AttentionSite.Decoder, 3);
        byte[] state = model.MakeState(shape.With(new float[shape.Count]));
        StateForm form = model.Form with { IsInterleaved = isInterleaved };
        float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(i => (float)(Half)(i / 64f))];
        StateLayout layout = StateLayout.Read(state, shape, form);

        layout.Write(values, state);

        CollectionAssert.AreEqual(values, layout.Values(state));
        model.Release();
    }

    private static byte[] Set(byte[] state, int word, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(4 * word), value);
        return state;
    }

    /// <summary>Keys or values with neighbouring numbers exchanged.</summary>
    private static byte[] Turn(byte[] state, bool isKey)
    {
        (int start, int end) = Numbers(state, isKey);
        for (int at = start; at + 8 <= end; at += 8)
        {
            Span<byte> pair = state.AsSpan(at, 8);
            byte[] first = pair[..4].ToArray();
            pair[4..].CopyTo(pair);
            first.CopyTo(pair[4..]);
        }
        return state;
    }

    private static byte[] Clear(byte[] state)
    {
        (int start, int end) = Numbers(state, isKey: true);
        state.AsSpan(start..end).Clear();
        return state;
    }

    // One layer of float32, values transposed: type, bytes of a row (64 bits), keys; type, bytes, elements, values.
    private static (int Start, int End) Numbers(byte[] state, bool isKey)
    {
        int keys = 4 * (Words + 2 + 3), half = (state.Length - keys - 12) / 2;
        Assert.AreEqual((uint)GGMLType.GGML_TYPE_F32, BitConverter.ToUInt32(state, 4 * (Words + 2)));
        return isKey ? (keys, keys + half) : (state.Length - half, state.Length);
    }
}
