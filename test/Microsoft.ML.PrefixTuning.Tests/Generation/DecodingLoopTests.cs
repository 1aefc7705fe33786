using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Rows that come one by one: who enters when, and what one row does to others.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class DecodingLoopTests
{
    private static readonly GenerationRules Greedy = new() { MaxNewTokens = 12, MinNewTokens = 12, EndIds = [2] };
    private static readonly GenerationRules Beams = Greedy with { Decoding = Decoding.Beam(3), SequenceCount = 2 };

    private static readonly Dictionary<string, BaseLease> Leases = [];
    private static readonly Dictionary<string, PrefixTensors> Prefixes = [];

    [ClassInitialize]
    public static void Load(TestContext _)
    {
        foreach (string family in (string[])["tiny-llama", "tiny-t5"])
        {
            using var served = new ServedBase(family);
            Leases[family] = FrozenBase.Acquire(served.Model.Path, ScalarType.Float32, CPU);
            Prefixes[family] = PrefixTensors.Make(served.Prefixes["long"], Leases[family].Base.Model);
        }
        using TemporaryFolder roomy = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        string config = File.ReadAllText(roomy["config.json"]);
        File.WriteAllText(roomy["config.json"],
            config.Replace("\"max_position_embeddings\": 320", "\"max_position_embeddings\": 4096"));
        Leases["roomy"] = FrozenBase.Acquire(roomy.Path, ScalarType.Float32, CPU);
    }

    [ClassCleanup]
    public static void Free()
    {
        foreach (PrefixTensors prefix in Prefixes.Values)
            prefix.Dispose();
        foreach (BaseLease lease in Leases.Values)
            lease.Dispose();
    }

    [TestMethod]
    public void Advance_WithALongPrompt_WritesATokenBetweenItsPieces()
    {
        using var run = new Run("tiny-llama", new(4) { PieceTokens = 16, IsOpen = true });
        ActiveRow early = run.Enter(Greedy, 5), late = run.Enter(Greedy, 100);
        run.Advance();
        int pieces = 0;
        while (late.Present < 100)
        {
            int read = late.Present, written = early.Search.Single!.NewCount;
            run.Advance();
            Assert.IsLessThanOrEqualTo(16, late.Present - read);
            if (late.Present == read)
                continue;
            pieces++;
            run.Advance();
            Assert.AreEqual(written + 1, early.Search.Single!.NewCount, $"after piece {pieces}");
        }
        Assert.AreEqual(7, pieces);
    }

    [TestMethod]
    public void Advance_WithPromptsOf2000Tokens_ReadsAtMostAPieceBetweenTwoTokensOfTheOthers()
    {
        const int Longest = 2000, Others = 7;
        int piece = new TextGeneratorOptions().PromptPiece, since = 0, pieces = 0;
        using var run = new Run("roomy", new(16) { PieceTokens = piece, IsOpen = true });
        ActiveRow[] others = [.. Enumerable.Range(0, Others)
            .Select(i => run.Enter(Greedy with { MaxNewTokens = 120, MinNewTokens = 120 }, 5 + i))];
        run.Until(() => others.All(row => row.Search.Single!.NewCount > 0));
        ActiveRow[] late = [run.Enter(Greedy, Longest), run.Enter(Greedy, Longest), run.Enter(Greedy, 30),
            run.Enter(Greedy, 240), run.Enter(Greedy, 250)];

        while (late.Any(row => row.Present < row.Opening.Length))
        {
            int[] before = Array.ConvertAll(late, Read);
            int written = Written();
            run.Advance();
            since += late.Select(Read).Sum() - before.Sum();
            Assert.IsLessThanOrEqualTo(piece, since);
            pieces += Read(late[0]) > before[0] ? 1 : 0;
            if (Written() == written)
                continue;
            Assert.AreEqual(written + Others, Written());
            since = 0;
        }
        Assert.AreEqual((Longest + piece - 1) / piece, pieces);

        int Written() => others.Sum(row => row.Search.Single!.NewCount);

        static int Read(ActiveRow row) => Math.Min(row.Present, row.Opening.Length);
    }

    [TestMethod]
    public void Advance_OfAnOpenLoop_LetsTheNextRowEnterWhereOneLeft()
    {
        using var run = new Run("tiny-llama", new(2) { IsOpen = true });
        run.Enter(Greedy, 5);
        run.Enter(Greedy with { MaxNewTokens = 3, MinNewTokens = 3 }, 6);
        ActiveRow third = run.Enter(Greedy, 7);
        run.Until(() => third.Search.Single!.NewCount > 0);
        Assert.HasCount(1, run.Done);
        Assert.AreEqual(2, run.Loop.Count);
    }

    [TestMethod]
    [DataRow("tiny-llama")]
    [DataRow("tiny-t5")]
    public void Advance_OfRowsOfAllKinds_StaysWithinItsBoundAndWritesWhatTheyWriteAlone(string family)
    {
        const int Bound = 400;
        using var run = new Run(family, new(7) { Tokens = Bound, PieceTokens = 32, IsOpen = true });
        var random = new Random(3);
        (GenerationRules Rules, int Length)[] kinds = [.. Enumerable.Range(0, 30)
            .Select(i => (i % 4 == 1 ? Beams : Greedy with { MaxNewTokens = 12 + i }, 2 + random.Next(60)))];
        ActiveRow[] rows = Array.ConvertAll(kinds,
            kind => run.Enter(kind.Rules, kind.Length, kind.Length % 3 == 0 ? Prefixes[family] : null));
        while (run.Advance())
            Assert.IsLessThanOrEqualTo(Bound, run.Loop.CachedTokens);

        Assert.HasCount(rows.Length, run.Done);
        for (int i = 0; i < rows.Length; i++)
        {
            using var writer = new BatchWriter(Leases[family].Base.Model, kinds[i].Rules);
            CollectionAssert.AreEqual(writer.Generate([rows[i].Prompt])[0][0].Ids, rows[i].Search.Results()[0].Ids,
                $"row {i}: {kinds[i].Length} tokens, {rows[i].Lanes} lanes");
        }
    }

    [TestMethod]
    public void Advance_BesideABadRow_FailsThatRowAlone()
    {
        using var run = new Run("tiny-llama", new(8) { IsOpen = true });
        int calls = 0;
        ActiveRow[] good = [run.Enter(Greedy, 5), run.Enter(Greedy, 6)];
        ActiveRow unreadable = run.Enter(Greedy, 0, null, 7, 1_000_000);
        ActiveRow unstoppable = run.Enter(Greedy with
        {
            Stops = _ => ++calls == 3 ? throw new InvalidOperationException("Stops failed.") : false,
        }, 5);
        ActiveRow last = run.Enter(Greedy, 9);
        while (run.Advance())
        {
        }
        Assert.IsNotNull(unreadable.Fault);
        Assert.AreEqual("Stops failed.", unstoppable.Fault!.Message);
        foreach (ActiveRow row in (ActiveRow[])[.. good, last])
        {
            Assert.IsNull(row.Fault);
            Assert.HasCount(12, row.Search.Results()[0].Ids);
        }
        Assert.HasCount(5, run.Done);
    }

    /// <summary>Rows that are read one by one, and written side by side: no bit depends on how many they are.</summary>
    [TestMethod]
    public void Advance_OfARow_GivesTheSameBitsInAnyCompany()
    {
        int[] lengths = [9, 16, 11, 9, 14, 15, 10];
        double[] alone = [.. lengths.Select(length => Scores(1, length)[0])];
        CollectionAssert.AreEqual(alone, Scores(8, lengths));

        static double[] Scores(int lanes, params int[] lengths)
        {
            // No two of them fit into a pass.
            using var run = new Run("tiny-llama", new(lanes) { PieceTokens = 17, IsOpen = true });
            ActiveRow[] rows = [.. lengths.Select(length => run.Enter(Greedy, length, Prefixes["tiny-llama"]))];
            while (run.Advance())
            {
            }
            return [.. rows.Select(row => (double)row.Search.Results()[0].Score)];
        }
    }

    /// <summary>A loop with rows that wait for it.</summary>
    private sealed class Run : IDisposable
    {
        private readonly LanguageModel _model;
        private readonly Queue<ActiveRow> _waiting = [];

        public Run(string family, DecodingLimits limits)
        {
            _model = Leases[family].Base.Model;
            Loop = new DecodingLoop(_model, limits.Lanes);
            Loop.Open(limits, []);
        }

        public DecodingLoop Loop { get; }

        public List<ActiveRow> Done { get; } = [];

        /// <summary>Puts a row of some tokens at the end of the queue, or of the given ids where there are none.
        /// </summary>
        public ActiveRow Enter(GenerationRules rules, int length, PrefixTensors? prefix = null, params int[] ids)
        {
            int[] source = [.. Enumerable.Range(0, length).Select(i => 3 + (i * 7 + length) % 390), .. ids];
            var row = new ActiveRow(0, new GenerationPrompt(source, prefix), rules, new TokenConstraints(rules),
                _model.Spec);
            _waiting.Enqueue(row);
            return row;
        }

        public bool Advance()
        {
            using var inference = inference_mode();
            Loop.Advance(_waiting);
            Done.AddRange(Loop.TakeOut(row => row.IsOver));
            return _waiting.Count + Loop.Count > 0;
        }

        public void Until(Func<bool> isReached)
        {
            while (!isReached())
                Assert.IsTrue(Advance());
        }

        public void Dispose() => Loop.Dispose();
    }
}
