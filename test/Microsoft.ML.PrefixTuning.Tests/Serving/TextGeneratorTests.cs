using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Serving;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>A generator's face: what a request may say, what comes back, and what is refused.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TextGeneratorTests
{
    private static readonly GenerationOptions Endless = new() { MinNewTokens = 250, MaxNewTokens = 250 };

    private static ServedBase s_base = null!;

    [ClassInitialize]
    public static void Make(TestContext _) => s_base = new ServedBase("tiny-llama");

    [ClassCleanup]
    public static void Free() => s_base.Dispose();

    [TestMethod]
    public async Task GenerateAsync_OfARequest_TellsTextReasonAndCounts()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(s_base.Prefixes);
        var request = new TextRequest { Text = "name : Venue 1", Prefix = "short" };

        TextResult limited = await generator.GenerateAsync(request with { Generation = new() { MaxNewTokens = 3 } });
        TextResult whole = await generator.GenerateAsync(request with { Generation = new() { MaxNewTokens = 250 } });
        TextResult stopped = await generator.GenerateAsync(request with
        {
            Generation = new() { MaxNewTokens = 250, StopStrings = [whole.Text[2..4]] },
        });

        Assert.AreEqual((FinishReason.Length, 3), (limited.FinishReason, limited.NewTokens));
        Assert.StartsWith(limited.Text, whole.Text);
        Assert.AreEqual(FinishReason.EndToken, whole.FinishReason);
        Assert.AreEqual((FinishReason.StopString, whole.Text[..2]), (stopped.FinishReason, stopped.Text));
        int prompt = s_base.Model.OpenTokenizer().CountTokens("name : Venue 1\n");
        Assert.AreEqual((prompt, false), (whole.PromptTokens, whole.IsTruncated));
    }

    [TestMethod]
    public async Task CreateGenerator_OfATransformer_TakesItsPrefixesTemplateAndOptions()
    {
        var context = new MLContext(seed: 1);
        IDataView rows = context.Data.LoadFromEnumerable(TinyBase.Rows(3));
        PrefixTuningTransformer transformer = context.Transforms.Text.GenerateText("Output", "Input", s_base.Model,
            s_base.Prefixes["long"], new TextGenerationOptions
            {
                Template = "say {input}:",
                Generation = new() { MaxNewTokens = 7 },
            }).Fit(rows);
        string[] expected = TinyBase.Texts(context, transformer, TinyBase.Rows(3));
        using TextGenerator generator = transformer.CreateGenerator();
        transformer.Dispose();

        string[] found = [.. (await Task.WhenAll(TinyBase.Rows(3)
            .Select(row => generator.GenerateAsync(new TextRequest { Text = row.Input })))).Select(one => one.Text)];

        CollectionAssert.AreEqual(expected, found);
        Assert.AreEqual(7, generator.Generation.MaxNewTokens);
        Assert.IsEmpty(generator.PrefixNames);
        Assert.ThrowsExactly<ObjectDisposedException>(() => transformer.CreateGenerator());
    }

    [TestMethod]
    public void WithGeneration_OfATransformer_SharesItsBase()
    {
        var context = new MLContext(seed: 1);
        using PrefixTuningTransformer transformer = TinyBase.Fit(context);
        using PrefixTuningTransformer shorter =
            transformer.WithGeneration(transformer.Generation with { MaxNewTokens = 2 });

        Assert.AreSame(transformer.Session.Base.Model, shorter.Session.Base.Model);
        Assert.AreSame(transformer.Prefix, shorter.Prefix);
        Assert.AreSame(transformer.TrainingSummary, shorter.TrainingSummary);
        string[] all = TinyBase.Texts(context, transformer, TinyBase.Rows(2));
        transformer.Dispose();
        string[] few = TinyBase.Texts(context, shorter, TinyBase.Rows(2));
        for (int row = 0; row < 2; row++)
            Assert.StartsWith(few[row], all[row]);
        Assert.IsLessThan(all[0].Length, few[0].Length);
        var error = Assert.ThrowsExactly<ArgumentException>(() =>
            shorter.WithGeneration(new GenerationOptions { ErrorColumnName = "Input" }));
        StringAssert.StartsWith(error.Message, "Generation.ErrorColumnName: expected another name");
    }

    [TestMethod]
    public async Task GenerateAsync_OfABadRequest_NamesWhatIsWrong()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(s_base.Prefixes,
            options: new TextGeneratorOptions { CacheTokens = 100 });
        var request = new TextRequest { Text = "name : Venue 1" };

        await Refuses("Request, prefix: expected one of 'long', 'memory', 'other', 'short', found 'tall'.",
            request with { Prefix = "tall" });
        await Refuses("MaxNewTokens: expected 1 or more, found 0.",
            request with { Generation = new() { MaxNewTokens = 0 } });
        await Refuses("Request: expected at most CacheTokens = 100 tokens of prefix, prompt and new tokens",
            request with { Generation = new() { MaxNewTokens = 100 } });
        await Refuses("Request: expected a prompt of at most",
            new TextRequest { Text = string.Concat(Enumerable.Repeat("name : Venue | ", 120)) });

        async Task Refuses(string message, TextRequest bad)
        {
            var error = await Assert.ThrowsExactlyAsync<ArgumentException>(() => generator.GenerateAsync(bad));
            StringAssert.StartsWith(error.Message, message);
        }
    }

    [TestMethod]
    public void CreateGenerator_OfBadOptionsOrPrefixes_NamesThem()
    {
        var options = Assert.ThrowsExactly<ArgumentException>(() => s_base.Model.CreateGenerator(options: new()
        {
            MaxRows = 0,
            QueueLimit = 0,
            CacheTokens = 0,
            PromptPiece = 0,
        }));
        CollectionAssert.AreEqual(new[] { "MaxRows", "QueueLimit", "CacheTokens", "PromptPiece" },
            options.Message.Split(Environment.NewLine).Select(line => line.Split(':')[0]).ToArray());

        using var t5 = new ServedBase("tiny-t5");
        var foreign = Assert.ThrowsExactly<InvalidOperationException>(() => s_base.Model.CreateGenerator(
            new Dictionary<string, Prefix> { ["good"] = s_base.Prefixes["long"], ["bad"] = t5.Prefixes["long"] }));
        StringAssert.StartsWith(foreign.Message, "'bad': Prefix, site Decoder: expected 3 layers of 2 key/value");
    }

    [TestMethod]
    public async Task GenerateAsync_BeyondTheQueue_IsRefused()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(
            options: new TextGeneratorOptions { MaxRows = 1, QueueLimit = 2 });
        using var held = new HeldLoop(generator);
        using var source = new CancellationTokenSource();
        var request = new TextRequest { Text = "name : Venue 1", Generation = Endless };
        await using IAsyncEnumerator<TextPiece> first = generator.StreamAsync(request).GetAsyncEnumerator();
        await first.MoveNextAsync();   // it is being written

        Task<TextResult> second = generator.GenerateAsync(request, source.Token);
        Task<TextResult> third = generator.GenerateAsync(request, source.Token);
        var error = await Assert.ThrowsExactlyAsync<GeneratorBusyException>(() => generator.GenerateAsync(request));

        StringAssert.StartsWith(error.Message, "TextGenerator: expected fewer than QueueLimit = 2 waiting requests");
        await source.CancelAsync();
        await Assert.ThrowsExactlyAsync<TaskCanceledException>(() => second);
        await Assert.ThrowsExactlyAsync<TaskCanceledException>(() => third);
    }

    [TestMethod]
    public async Task GenerateAsync_AfterOneThatWasCancelled_HasItsPlace()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(
            options: new TextGeneratorOptions { MaxRows = 1 });
        using var source = new CancellationTokenSource();
        var request = new TextRequest { Text = "name : Venue 1", Generation = Endless };
        TextRequest few = request with { Generation = new() { MaxNewTokens = 4 } };
        string expected = (await generator.GenerateAsync(few)).Text;

        var pieces = new List<string>();
        using (new HeldLoop(generator))
        {
            await Assert.ThrowsAsync<OperationCanceledException>(async () =>
            {
                await foreach (TextPiece piece in generator.StreamAsync(request, source.Token))
                {
                    pieces.Add(piece.Text);
                    await source.CancelAsync();
                }
            });
        }
        TextResult next = await generator.GenerateAsync(few);

        Assert.HasCount(1, pieces);
        Assert.AreEqual(expected, next.Text);
    }

    [TestMethod]
    public async Task Dispose_OfTwoThreads_WaitsInBothForTheTokenThatIsBeingWritten()
    {
        TextGenerator generator = s_base.Model.CreateGenerator();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var released = new TaskCompletionSource();
        generator.BetweenTokens = () =>
        {
            reached.TrySetResult();
            released.Task.Wait();
        };
        Task<TextResult> writing =
            generator.GenerateAsync(new TextRequest { Text = "name : Venue 1", Generation = Endless });
        await reached.Task;

        Thread[] disposals = [new Thread(generator.Dispose), new Thread(generator.Dispose)];
        foreach (Thread disposal in disposals)
            disposal.Start();
        SpinWait.SpinUntil(() => disposals.All(one =>
            !one.IsAlive || one.ThreadState.HasFlag(ThreadState.WaitSleepJoin)));
        int waiting = disposals.Count(one => one.IsAlive);
        released.SetResult();
        foreach (Thread disposal in disposals)
            disposal.Join();

        Assert.AreEqual(2, waiting);
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => writing);
    }

    [TestMethod]
    public async Task Dispose_WhileRequestsRun_EndsThem()
    {
        TextGenerator generator = s_base.Model.CreateGenerator(options: new TextGeneratorOptions { MaxRows = 1 });
        using var held = new HeldLoop(generator);
        var request = new TextRequest { Text = "name : Venue 1", Generation = Endless };
        IAsyncEnumerator<TextPiece> first = generator.StreamAsync(request).GetAsyncEnumerator();
        await first.MoveNextAsync();
        Task<TextResult> second = generator.GenerateAsync(request);

        Task disposal = Task.Run(generator.Dispose);
        // It waits for the token that is being written, which is not the last one.
        SpinWait.SpinUntil(() => IsDisposed(generator));
        held.Dispose();
        await disposal;
        generator.Dispose();

        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => second);
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(async () =>
        {
            while (await first.MoveNextAsync())
            {
            }
        });
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => generator.GenerateAsync(request));
    }

    /// <summary>A listener with a lock of its own, which asks for the queue meanwhile, would wait for ever.</summary>
    [TestMethod]
    public async Task Dispose_WhileRequestsRun_TellsListenersWithoutTheQueuesLock()
    {
        // The listener hears all generators of the process: this name is this test's own.
        string name = $"{Guid.NewGuid()}";
        TextGenerator generator = s_base.Model.CreateGenerator(
            new Dictionary<string, Prefix> { [name] = s_base.Prefixes["short"] });
        var areLocked = new List<bool>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument is { Name: "prefix_tuning.serving.requests", Meter.Name: SignalSource.Name })
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag.Key == ServingSignals.PrefixTag && name.Equals(tag.Value))
                    areLocked.Add(LockOf(LoopOf(generator)).IsHeldByCurrentThread);
            }
        });
        listener.Start();
        using var held = new HeldLoop(generator);
        Task<TextResult> writing = generator.GenerateAsync(
            new TextRequest { Text = "name : Venue 1", Prefix = name, Generation = Endless });

        Task disposal = Task.Run(generator.Dispose);
        SpinWait.SpinUntil(() => IsDisposed(generator));
        held.Dispose();
        await disposal;

        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() => writing);
        CollectionAssert.AreEqual((bool[])[false], areLocked);
    }

    /// <summary>Of every thread that ends MKL keeps something, and with it end its helpers of OpenMP.</summary>
    [TestMethod]
    public async Task GenerateAsync_OfRequestsOneByOne_WritesThemOnFewThreads()
    {
        const int Requests = 20;
        using TextGenerator generator = s_base.Model.CreateGenerator();
        var threads = new HashSet<Thread>();
        generator.BetweenTokens = () => threads.Add(Thread.CurrentThread);
        for (int number = 0; number < Requests; number++)
        {
            await generator.GenerateAsync(
                new TextRequest { Text = "name : Venue 1", Generation = new() { MaxNewTokens = 2 } });
            SpinWait.SpinUntil(() => RunOf(LoopOf(generator)) is null);
        }

        // Other tests' generators may take one at the same time.
        Assert.IsLessThan(Requests / 2, threads.Count);
    }

    private static bool IsDisposed(TextGenerator generator)
    {
        try
        {
            // Checked now, begun by nobody.
            _ = generator.StreamAsync(new TextRequest { Text = "name : Venue 1" });
            return false;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_loop")]
    private static extern ref RequestLoop LoopOf(TextGenerator generator);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_run")]
    private static extern ref Task? RunOf(RequestLoop loop);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_lock")]
    private static extern ref Lock LockOf(RequestLoop loop);
}
