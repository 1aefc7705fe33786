using System;
using System.Collections.Generic;
using System.Linq;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>Scores behind a prefix and a row, beside those of this library's graph.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ScoreTests
{
    // Of the largest score. llama.cpp looks GELU up in a table of 16 bits.
    private const double Tolerance = 3e-6, GeluTolerance = 1e-3;

    [TestMethod]
    [DataRow("gpt2")]
    [DataRow("gpt-neox")]
    [DataRow("gpt-neox-sequential")]
    [DataRow("llama")]
    [DataRow("llama3-rope")]
    [DataRow("mistral")]
    [DataRow("qwen2")]
    [DataRow("qwen3")]
    public void Scores_OfAGoldenTwin_AreThisLibrarysOwn(string family) => Compare(LlamaCase.Golden(family),
        family.StartsWith("gpt", StringComparison.Ordinal) ? GeluTolerance : Tolerance);

    [TestMethod]
    public void Scores_OfTheFileOfTheseTests_AreThisLibrarysOwn() => Compare(LlamaCase.Narrow, Tolerance);

    private static void Compare(LlamaCase one, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using BaseLease lease = FrozenBase.Acquire(one.Path, ScalarType.Float32, CPU);
        LanguageModel own = lease.Base.Model;
        LlamaModel model = LlamaModel.Load(one.Read(), LlamaCase.Exact, threads: 1);
        Dictionary<string, Prefix> prefixes = one.Prefixes();
        foreach (Prefix prefix in prefixes.Values)
            model.Prepare(prefix);
        using var sequences = new LlamaSequences(model, lanes: 1, cells: 256, batchTokens: 128);
        int[] ids = StateCheck.Tokens(20, own.Spec.VocabularySize, first: 3);
        foreach ((string name, Prefix prefix) in prefixes)
        {
            float[] expected = Own(own, prefix, ids), found = Llama(sequences, prefix, ids);
            double largest = expected.Max(Math.Abs);
            double apart = expected.Zip(found, (a, b) => Math.Abs(a - b)).Max();
            Assert.IsLessThanOrEqualTo(tolerance * largest, apart, name);
        }
        model.Release();
    }

    private static float[] Own(LanguageModel model, Prefix prefix, int[] ids)
    {
        using PrefixTensors tensors = PrefixTensors.Make(prefix, model);
        int length = prefix.Length, columns = length + ids.Length;
        AttentionPlaces places = TokenPlaces.Causal([new RowState(length, 0, ids.Length, ids.Length)], ids.Length,
            length, columns, prefix.Convention);
        Tensor hidden = model.Decode(model.Embed(TokenRows.Pad([ids], CPU).Ids), places,
            new PrefixMemory(tensors.Sites));
        return model.Logits(hidden)[0][ids.Length - 1].data<float>().ToArray();
    }

    private static float[] Llama(LlamaSequences sequences, Prefix prefix, int[] ids)
    {
        int sequence = sequences.Take();
        sequences.PutPrefix(prefix, sequence);
        LLamaBatch batch = sequences.Begin();
        int place = 0;
        for (int i = 0; i < ids.Length; i++)
            place = batch.Add(ids[i], prefix.Length + i, (LLamaSeqId)sequence, i == ids.Length - 1);
        sequences.Decode();
        float[] scores = sequences.Scores(place).ToArray();
        sequences.Free(sequence);
        return scores;
    }
}
