using System;
using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Many rows, many threads, a long life.</summary>
[TestClass]
public sealed class ServingTests
{
    private static readonly MLContext Context = new(seed: 1);
    private static PrefixTuningTransformer s_model = null!;

    [ClassInitialize]
    public static void FitOnce(TestContext _) => s_model = TinyBase.Fit(Context);

    [ClassCleanup]
    public static void Free() => s_model.Dispose();

    [TestMethod]
    public void Engines_OnManyThreads_WriteWhatOneThreadWrites()
    {
        const int Engines = 16, Count = 1000;
        FaceRow[] rows = TinyBase.Rows(Count).ToArray();
        string[] expected = TinyBase.Texts(Context, s_model, rows);
        var texts = new string[Count];
        Parallel.For(0, Engines, new ParallelOptions { MaxDegreeOfParallelism = Engines }, engineNumber =>
        {
            using PredictionEngine<FaceRow, FaceOutput> engine = Engine();
            for (int row = engineNumber; row < Count; row += Engines)
                texts[row] = engine.Predict(rows[row]).Output;
        });
        CollectionAssert.AreEqual(expected, texts);
    }

    [TestMethod]
    public void Engine_OfTwoThreads_NeverWritesAnothersText()
    {
        FaceRow[] rows = TinyBase.Rows(40).ToArray();
        string[] expected = TinyBase.Texts(Context, s_model, rows);
        using PredictionEngine<FaceRow, FaceOutput> engine = Engine();
        var refusals = new ConcurrentBag<Exception>();
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            for (int row = thread; row < rows.Length; row += 8)
            {
                try
                {
                    string text = engine.Predict(rows[row]).Output;
                    Assert.AreEqual(expected[row], text);
                }
                catch (InvalidOperationException refusal)
                {
                    refusals.Add(refusal);
                }
            }
        });
        foreach (Exception refusal in refusals)
            StringAssert.Contains(refusal.Message, "PredictionEngine");
    }

    // In a process of its own: what it holds is what this work holds.
    [TestMethod]
    public void Rows_ByTheThousand_LeaveNoTensorsAndNoMemory()
    {
        using var folder = new TemporaryFolder();
        string file = folder["model.zip"];
        var options = TinyBase.Quick with
        {
            Generation = TinyBase.Quick.Generation with
            {
                ErrorColumnName = "Error",
                LookAhead = 32,
                MaxNewTokens = 4,
                BatchSize = 32,
                RememberedTexts = 0,
            },
        };
        using (PrefixTuningTransformer model = TinyBase.Fit(Context, options))
            Context.Model.Save(model, null, file);

        string[] lines = ChildProcess.Run(FaceChild.ReadRows, file).TrimEnd().Split('\n');

        Assert.AreEqual("11000 rows, 1100 errors", lines[0]);
        Assert.AreEqual("0 tensors", lines[1]);
        Assert.IsLessThan(32, int.Parse(lines[2].Split(' ')[0], CultureInfo.InvariantCulture),
            $"growth of the resident set: {lines[2]}");
    }

    [TestMethod]
    public void Dispose_OfLastUser_FreesTheBase()
    {
        using (BaseLease hold = TinyBase.Hold())
        {
            long tensors = OwnTensors.Live;
            PrefixTuningTransformer model = TinyBase.Fit(Context), other = TinyBase.Fit(Context);
            Assert.AreSame(hold.Base, model.Session.Base, "one copy a process");
            model.Dispose();
            model.Dispose();
            var refused =
                Assert.ThrowsExactly<ObjectDisposedException>(() => TinyBase.Texts(Context, model, TinyBase.Rows(1)));
            StringAssert.Contains(refused.Message, nameof(PrefixTuningTransformer));
            Assert.HasCount(2, TinyBase.Texts(Context, other, TinyBase.Rows(2)));
            other.Dispose();
            Assert.AreEqual(tensors, OwnTensors.Live);
        }
    }

    [TestMethod]
    public void Engine_ThatOwnsItsTransformer_DisposesIt()
    {
        PrefixTuningTransformer model = TinyBase.Fit(Context);
        Context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(model).Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => TinyBase.Texts(Context, model, TinyBase.Rows(1)));
    }

    [TestMethod]
    public void Warning_OfCutRows_CountsThoseOfItsOwnCall()
    {
        var context = new MLContext(seed: 1);
        var messages = new ConcurrentBag<string>();
        context.Log += (_, entry) => messages.Add(entry.Message);
        var options =
            TinyBase.Quick with { Generation = TinyBase.Quick.Generation with { Truncation = PromptTruncation.End } };
        using PrefixTuningTransformer model = TinyBase.Fit(context, options);
        var other = new Thread(() => TinyBase.Texts(context, model, TinyBase.Rows(1)));
        // A call whose row is cut begins first; the other one waits for it.
        var rows = new LateRows([new InputRow(0, string.Concat(Enumerable.Repeat("name : Venue | ", 120)))], () =>
        {
            other.Start();
            SpinWait.SpinUntil(() => !other.IsAlive
                || other.ThreadState.HasFlag(System.Threading.ThreadState.WaitSleepJoin));
        });
        Assert.IsTrue(model.Session.Generate(rows, null, null)[0].IsTruncated);
        other.Join();
        Assert.IsFalse(messages.Any(message => message.Contains("were cut", StringComparison.Ordinal)),
            string.Join('\n', messages));
    }

    [TestMethod]
    public void CancelExecution_BeforeGeneration_RefusesIt()
    {
        var context = new MLContext(seed: 1);
        using PrefixTuningTransformer model = TinyBase.Fit(context);
        HiddenMembers.CancelExecution(context);
        Assert.ThrowsExactly<OperationCanceledException>(() => TinyBase.Texts(context, model, TinyBase.Rows(1)));
    }

    [TestMethod]
    public void CancelExecution_InTheMiddleOfAText_EndsItAtTheNextToken()
    {
        var context = new MLContext(seed: 1);
        Runtime.IHostEnvironment environment = MlNet.MlNetInternals.GetEnvironment(context.Transforms.Text);
        using PrefixTuningTransformer model = TinyBase.Fit(context);
        int checks = 0;
        Assert.ThrowsExactly<OperationCanceledException>(() =>
            model.Session.Generate([new InputRow(0, "name : Venue")], () =>
        {
            if (++checks == 3)
                HiddenMembers.CancelExecution(context);
            MlNet.MlNetInternals.CheckAlive(environment);
        }, null));
        Assert.AreEqual(3, checks);
    }

    [TestMethod]
    public void CancelExecution_FromAnotherThread_EndsALongCall()
    {
        // Uncancelled, this one call takes hundreds of thousands of steps: minutes, whatever the machine.
        var context = new MLContext(seed: 1);
        var options =
            new TextGenerationOptions { Generation = new() { MinNewTokens = 250, MaxNewTokens = 250, BatchSize = 1 } };
        using PrefixTuningTransformer model =
            context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, options: options)
            .Fit(context.Data.LoadFromEnumerable(TinyBase.Rows(1)));
        var canceller = new Thread(() =>
        {
            // The first checks are over.
            SpinWait.SpinUntil(() => model.Session.RowsWritten > 0);
            HiddenMembers.CancelExecution(context);
        });
        canceller.Start();
        Assert.ThrowsExactly<OperationCanceledException>(() => TinyBase.Texts(context, model, TinyBase.Rows(1000)));
        canceller.Join();
    }

    [TestMethod]
    public void Cursor_MadeOnOneThread_ReadsOnAnother()
    {
        IDataView output = s_model.Transform(Context.Data.LoadFromEnumerable(TinyBase.Rows(6)));
        using DataViewRowCursor cursor = output.GetRowCursor(output.Schema);
        int rows = 0;
        var thread = new Thread(() =>
        {
            while (cursor.MoveNext())
                rows++;
        });
        thread.Start();
        thread.Join();
        Assert.AreEqual(6, rows);
    }

    private static PredictionEngine<FaceRow, FaceOutput> Engine() =>
        Context.Model.CreatePredictionEngine<FaceRow, FaceOutput>(s_model,
            new PredictionEngineOptions { OwnsTransformer = false });

    /// <summary>Rows that something happens before the first of is read.</summary>
    private sealed class LateRows(InputRow[] rows, Action before) : IReadOnlyList<InputRow>
    {
        private Action? _before = before;

        public int Count => rows.Length;

        public InputRow this[int index]
        {
            get
            {
                Interlocked.Exchange(ref _before, null)?.Invoke();
                return rows[index];
            }
        }

        public IEnumerator<InputRow> GetEnumerator() => rows.AsEnumerable().GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
