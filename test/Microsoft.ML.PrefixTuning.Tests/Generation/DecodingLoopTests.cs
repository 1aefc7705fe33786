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
        using var run = new Run("tiny-llama", new(4) { PassTokens = 16, PieceTokens = 16, IsOpen = true });
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
        int pieces = 0;
        bool isDue = false;
        using var run = new Run("roomy", Served(16));
        ActiveRow[] others = [.. Enumerable.Range(0, Others)
            .Select(i => run.Enter(Greedy with { MaxNewTokens = 120, MinNewTokens = 120 }, 5 + i))];
        run.Until(() => others.All(row => row.Search.Single!.NewCount > 0));
        ActiveRow[] late = [run.Enter(Greedy, Longest), run.Enter(Greedy, Longest), run.Enter(Greedy, 30),
            run.Enter(Greedy, 240), run.Enter(Greedy, 250)];

        while (late.Any(row => row.Present < row.Opening.Length))
        {
            int written = Written();
            int[] read = run.Read(late);
            if (read.Sum() > 0)
            {
                Assert.IsFalse(isDue, "the others have a token first");
                Assert.IsLessThanOrEqualTo(256, read.Sum());
                Assert.IsLessThanOrEqualTo(64, Math.Max(read[0], read[1]));
                pieces += read[0] > 0 ? 1 : 0;
                isDue = true;
            }
            if (Written() == written)
                continue;
            Assert.AreEqual(written + Others, Written());
            isDue = false;
        }
        Assert.AreEqual(32, pieces);

        int Written() => others.Sum(row => row.Search.Single!.NewCount);
    }

    [TestMethod]
    public void Advance_WithALongPromptAndShortOnes_ReadsThemInTurn()
    {
        using var run = new Run("tiny-llama", new(16) { PassTokens = 64, PieceTokens = 16, IsOpen = true });
        ActiveRow early = run.Enter(Greedy with { MaxNewTokens = 60, MinNewTokens = 60 }, 5);
        run.Until(() => early.Search.Single!.NewCount > 0);
        ActiveRow[] late =
            [run.Enter(Greedy, 100), run.Enter(Greedy, 10), run.Enter(Greedy, 20), run.Enter(Greedy, 30)];
        CollectionAssert.AreEqual(new[]
        {
            "100:15", "10:10 20:20", "100:15", "30:30", "100:14", "100:14", "100:14", "100:14", "100:14",
        }, run.Passes(late));
    }

    [TestMethod]
    public void Advance_WithTwoLongPrompts_ReadsTheSecondAndAllBehindItAfterTheFirst()
    {
        using var run = new Run("tiny-llama", new(16) { PassTokens = 64, PieceTokens = 16, IsOpen = true });
        ActiveRow[] rows = [run.Enter(Greedy, 100), run.Enter(Greedy, 90), run.Enter(Greedy, 10)];
        CollectionAssert.AreEqual(new[]
        {
            "100:15", "100:15", "100:14", "100:14", "100:14", "100:14", "100:14",
            "90:15", "10:10", "90:15", "90:15", "90:15", "90:15", "90:15",
        }, run.Passes(rows));
    }

    [TestMethod]
    public void Advance_WithShortPromptsWithoutEnd_ReadsALongOneEverySecondTime()
    {
        const int Pieces = 13, Passes = 6;   // a piece, a step, room, a step, a short row, a step
        using var run = new Run("tiny-llama", new(16) { PassTokens = 32, PieceTokens = 8, IsOpen = true });
        ActiveRow late = run.Enter(Greedy, 100);
        int passes = 0;
        for (; late.Present < 100; passes++)
        {
            run.Enter(Greedy with { MaxNewTokens = 2, MinNewTokens = 2 }, 20);
            run.Advance();
        }
        Assert.IsLessThanOrEqualTo(Pieces * Passes, passes);
        Assert.IsGreaterThanOrEqualTo(Pieces - 3, run.Done.Count);
    }

    [TestMethod]
    public void Advance_BesideLongPrompts_WritesWhatRowsWriteAlone()
    {
        using var run = new Run("roomy", Served(6));
        (GenerationRules Rules, int Length)[] kinds =
        [
            (Greedy, 40), (Greedy, 2000), (Beams, 30), (Greedy, 100), (Beams, 700), (Greedy, 60), (Greedy, 250),
            (Greedy, 300),
        ];
        ActiveRow[] rows = Array.ConvertAll(kinds, kind => run.Enter(kind.Rules, kind.Length));
        while (run.Advance())
        {
        }
        for (int i = 0; i < rows.Length; i++)
            AssertAsAlone("roomy", kinds[i].Rules, rows[i]);
    }

    [TestMethod]
    public void Advance_WithBadRowsBesideALongPrompt_FailsThemAloneAndReadsOn()
    {
        using var run = new Run("tiny-llama", new(8) { PassTokens = 64, PieceTokens = 16, IsOpen = true });
        ActiveRow early = run.Enter(Greedy, 5), late = run.Enter(Greedy, 100);
        ActiveRow bad = run.Enter(Greedy, 0, null, 7, 1_000_000), good = run.Enter(Greedy, 6);
        while (run.Advance())
        {
        }
        Assert.IsNotNull(bad.Fault);
        AssertAsAlone("tiny-llama", Greedy, early, late, good);
    }

    [TestMethod]
    public void TakeOut_OfALongPromptThatIsRead_LetsTheNextOneEnter()
    {
        using var run = new Run("tiny-llama", new(4) { PassTokens = 64, PieceTokens = 16, IsOpen = true });
        ActiveRow early = run.Enter(Greedy, 5), left = run.Enter(Greedy, 100), next = run.Enter(Greedy, 90),
            last = run.Enter(Greedy, 10);
        run.Until(() => left.Present > 0);
        Assert.HasCount(1, run.Loop.TakeOut(row => row == left));
        while (run.Advance())
        {
        }
        Assert.IsLessThan(100, left.Present);
        AssertAsAlone("tiny-llama", Greedy, early, next, last);
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
        using var run = new Run(family, new(7) { Tokens = Bound, PassTokens = 32, PieceTokens = 8, IsOpen = true });
        var random = new Random(3);
        (GenerationRules Rules, int Length)[] kinds = [.. Enumerable.Range(0, 30)
            .Select(i => (i % 4 == 1 ? Beams : Greedy with { MaxNewTokens = 12 + i }, 2 + random.Next(60)))];
        ActiveRow[] rows = Array.ConvertAll(kinds,
            kind => run.Enter(kind.Rules, kind.Length, kind.Length % 3 == 0 ? Prefixes[family] : null));
        while (run.Advance())
            Assert.IsLessThanOrEqualTo(Bound, run.Loop.CachedTokens);

        Assert.HasCount(rows.Length, run.Done);
        for (int i = 0; i < rows.Length; i++)
            AssertAsAlone(family, kinds[i].Rules, rows[i]);
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
            using var run = new Run("tiny-llama", new(lanes) { PassTokens = 17, PieceTokens = 17, IsOpen = true });
            ActiveRow[] rows = [.. lengths.Select(length => run.Enter(Greedy, length, Prefixes["tiny-llama"]))];
            while (run.Advance())
            {
            }
            return [.. rows.Select(row => (double)row.Search.Results()[0].Score)];
        }
    }

    /// <summary>As a generator has it by itself.</summary>
    private static DecodingLimits Served(int lanes)
    {
        int piece = new TextGeneratorOptions().PromptPiece;
        return new DecodingLimits(lanes)
        {
            PassTokens = ReadingPass.TokensBeside(piece),
            PieceTokens = piece,
            IsOpen = true,
        };
    }

    private static void AssertAsAlone(string family, GenerationRules rules, params ActiveRow[] rows)
    {
        using var writer = new BatchWriter(Leases[family].Base.Model, rules);
        foreach (ActiveRow row in rows)
        {
            CollectionAssert.AreEqual(writer.Generate([row.Prompt])[0][0].Ids, row.Search.Results()[0].Ids,
                $"{row.Opening.Length} tokens, {row.Lanes} lanes");
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

        /// <summary>Goes on by a pass and tells what it read of each of some rows.</summary>
        public int[] Read(ActiveRow[] rows)
        {
            int[] before = Array.ConvertAll(rows, Present);
            Advance();
            return [.. rows.Select((row, i) => Present(row) - before[i])];

            static int Present(ActiveRow row) => Math.Min(row.Present, row.Opening.Length);
        }

        /// <summary>Reads rows to their ends: of each pass that reads, tokens of a row, and how many it read of them.
        /// </summary>
        public string[] Passes(ActiveRow[] rows)
        {
            var passes = new List<string>();
            while (rows.Any(row => row.Present < row.Opening.Length))
            {
                int[] read = Read(rows);
                if (read.Sum() > 0)
                {
                    passes.Add(string.Join(' ', rows.Where((_, i) => read[i] > 0)
                        .Select(row => $"{row.Opening.Length}:{read[Array.IndexOf(rows, row)]}")));
                }
            }
            return [.. passes];
        }

        public void Until(Func<bool> isReached)
        {
            while (!isReached())
                Assert.IsTrue(Advance());
        }

        public void Dispose() => Loop.Dispose();
    }
}
