using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>Prefixes that come and go while a generator writes, and those who wait: their order, and who goes away.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ServedPrefixTests
{
    private static ServedBase s_base = null!;

    [ClassInitialize]
    public static void Make(TestContext _) => s_base = new ServedBase("tiny-llama");

    [ClassCleanup]
    public static void Free() => s_base.Dispose();

    [TestMethod]
    public async Task AddPrefix_InThePlaceOfAnother_LeavesRequestsThatAreThere()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(s_base.Prefixes,
            options: new TextGeneratorOptions { MaxRows = 1 });
        var request = new TextRequest { Text = "name : Venue 1", Prefix = "short" };
        string before = (await generator.GenerateAsync(request)).Text;
        string after = (await generator.GenerateAsync(request with { Prefix = "long" })).Text;
        await using IAsyncEnumerator<TextPiece> first = generator.StreamAsync(request).GetAsyncEnumerator();
        await first.MoveNextAsync();
        string begun = first.Current.Text;
        Task<TextResult> waiting = generator.GenerateAsync(request);
        IAsyncEnumerable<TextPiece> prepared = generator.StreamAsync(request);

        generator.AddPrefix("short", s_base.Prefixes["long"]);

        while (await first.MoveNextAsync())
            begun += first.Current.Text;
        Assert.AreEqual(before, begun);
        Assert.AreEqual(before, (await waiting).Text);
        Assert.AreEqual(after, (await generator.GenerateAsync(request)).Text);
        // A stream is a request from its first step on.
        string late = "";
        await foreach (TextPiece piece in prepared)
            late += piece.Text;
        Assert.AreEqual(after, late);

        Assert.IsTrue(generator.RemovePrefix("short"));
        Assert.IsFalse(generator.RemovePrefix("short"));
        CollectionAssert.AreEquivalent((string[])["long", "other", "memory"], generator.PrefixNames.ToArray());
        var error = await Assert.ThrowsExactlyAsync<ArgumentException>(() => generator.GenerateAsync(request));
        StringAssert.StartsWith(error.Message,
            "Request, prefix: expected one of 'long', 'memory', 'other', found 'short'.");
    }

    [TestMethod]
    public async Task AddPrefix_WithATemplate_WritesRowsByIt()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator();
        generator.AddPrefix("say", s_base.Prefixes["long"], "say {input}:");
        using TextGenerator expected = s_base.Model.CreateGenerator(s_base.Prefixes,
            new TextGenerationOptions { Template = "say {input}:" });
        var request = new TextRequest { Text = "name : Venue 1", Prefix = "say" };

        Assert.AreEqual((await expected.GenerateAsync(request with { Prefix = "long" })).Text,
            (await generator.GenerateAsync(request)).Text);
    }

    [TestMethod]
    public void AddPrefix_OfAnotherBase_IsRefused()
    {
        using var t5 = new ServedBase("tiny-t5");
        using TextGenerator generator = s_base.Model.CreateGenerator();
        var error = Assert.ThrowsExactly<InvalidOperationException>(
            () => generator.AddPrefix("bad", t5.Prefixes["long"]));
        StringAssert.StartsWith(error.Message, "'bad': Prefix, site Decoder: expected");
        Assert.IsEmpty(generator.PrefixNames);
    }

    [TestMethod]
    public void Give_OfTheLastUse_FreesThePrefix()
    {
        using TextGenerator generator = s_base.Model.CreateGenerator(s_base.Prefixes);
        long before = OwnTensors.Live;

        generator.AddPrefix("new", s_base.Prefixes["long"]);
        Assert.AreEqual(before + 1, OwnTensors.Live);
        generator.AddPrefix("new", s_base.Prefixes["short"]);
        Assert.AreEqual(before + 1, OwnTensors.Live);
        generator.RemovePrefix("new");

        Assert.AreEqual(before, OwnTensors.Live);
    }

    [TestMethod]
    public async Task Requests_ThatWait_BeginInTheOrderInWhichTheyCame()
    {
        // The listener hears all generators of the process: these names are this test's own.
        string[] names = [.. Enumerable.Range(0, 8).Select(i => $"{i} {Guid.NewGuid()}")];
        var begun = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument is { Name: "prefix_tuning.serving.time_to_first_token", Meter.Name: SignalSource.Name })
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag.Key == ServingSignals.PrefixTag && names.Contains((string)tag.Value!))
                    begun.Add((string)tag.Value!);
            }
        });
        listener.Start();
        using TextGenerator generator = s_base.Model.CreateGenerator(
            names.ToDictionary(name => name, _ => s_base.Prefixes["short"]),
            options: new TextGeneratorOptions { MaxRows = 1 });
        using var source = new CancellationTokenSource();
        await using IAsyncEnumerator<TextPiece> first = generator.StreamAsync(new TextRequest
        {
            Text = "name",
            Generation = new() { MinNewTokens = 250, MaxNewTokens = 250 },
        }, source.Token).GetAsyncEnumerator(source.Token);
        await first.MoveNextAsync();

        // Short ones behind long ones, and behind one that has more lanes than there are.
        Task<TextResult>[] waiting = [.. names.Select((name, i) => generator.GenerateAsync(new TextRequest
        {
            Text = string.Join(" | ", Enumerable.Repeat("name : Venue 1", 1 + (i % 3 == 0 ? 12 : 0))),
            Prefix = name,
            Generation = new() { MaxNewTokens = 3, Decoding = i == 2 ? Decoding.Beam(3) : Decoding.Greedy },
        }))];
        await source.CancelAsync();
        await Task.WhenAll(waiting);

        CollectionAssert.AreEqual(names, begun);
    }

    /// <summary>A prompt that was read would have its first token, whoever waits for it.</summary>
    [TestMethod]
    public async Task Request_ThatIsCancelledWhileATokenIsWritten_IsNotRead()
    {
        // The listener hears all generators of the process: this name is this test's own.
        string name = $"{Guid.NewGuid()}";
        long tokens = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument is { Name: "prefix_tuning.serving.tokens", Meter.Name: SignalSource.Name })
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag.Key == ServingSignals.PrefixTag && name.Equals(tag.Value))
                    Interlocked.Add(ref tokens, count);
            }
        });
        listener.Start();
        using TextGenerator generator = s_base.Model.CreateGenerator(
            new Dictionary<string, Prefix> { [name] = s_base.Prefixes["short"] });
        var request = new TextRequest
        {
            Text = "name : Venue 1",
            Generation = new() { MinNewTokens = 4, MaxNewTokens = 4 },
        };
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var released = new TaskCompletionSource();
        generator.BetweenTokens = () =>
        {
            reached.TrySetResult();
            released.Task.Wait();
        };
        using var source = new CancellationTokenSource();
        Task<TextResult> first = generator.GenerateAsync(request);
        await reached.Task;

        Task<TextResult> gone = generator.GenerateAsync(request with { Prefix = name }, source.Token);
        await source.CancelAsync();
        released.SetResult();

        await Assert.ThrowsExactlyAsync<TaskCanceledException>(() => gone);
        Assert.AreEqual(4, (await first).NewTokens);
        Assert.AreEqual(0, Interlocked.Read(ref tokens));
    }
}
