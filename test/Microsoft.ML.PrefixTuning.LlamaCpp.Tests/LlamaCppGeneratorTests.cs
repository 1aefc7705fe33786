using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>The generator's life over llama.cpp, and the transformer over it.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LlamaCppGeneratorTests
{
    private static readonly GenerationOptions Endless = new() { MinNewTokens = 60, MaxNewTokens = 60 };

    private static LlamaCase Case => LlamaCase.Narrow;

    [TestMethod]
    public async Task Requests_OfMorePrefixesThanStayInMemory_HaveTheirTexts()
    {
        var prefixes = Enumerable.Range(1, 24).ToDictionary(length => $"{length}", length => Case.Random(length));
        using TextGenerator own = Case.Model.CreateGenerator(prefixes),
            other = Case.Open(prefixes,
                options: new TextGeneratorOptions { MaxRows = 5, CacheTokens = 400 });
        TextRequest[] requests = [.. Enumerable.Range(0, 72).Select(i => new TextRequest
        {
            Text = $"name : {i}",
            Prefix = $"{1 + i * 7 % 24}",
            Generation = new() { MaxNewTokens = 8 },
        })];

        string[] expected = [.. (await Task.WhenAll(requests.Select(one => own.GenerateAsync(one)))).Select(Text)];
        string[] found = [.. (await Task.WhenAll(requests.Select(one => other.GenerateAsync(one)))).Select(Text)];

        CollectionAssert.AreEqual(expected, found);
    }

    [TestMethod]
    public async Task Cancellation_OfSomeRequests_LeavesTheOthersTheirTexts()
    {
        Dictionary<string, Prefix> prefixes = Case.Prefixes();
        using TextGenerator generator = Case.Open(prefixes,
            options: new TextGeneratorOptions { MaxRows = 4 });
        var kept = new TextRequest { Text = "name : a", Prefix = "long", Generation = Endless };
        string expected = (await generator.GenerateAsync(kept)).Text;
        using var source = new CancellationTokenSource();

        Task<TextResult> whole, cancelled;
        // Nothing is waited for that the held loop would have to write.
        using (new HeldLoop(generator))
        {
            whole = generator.GenerateAsync(kept);
            cancelled = generator.GenerateAsync(kept with { Prefix = "short" }, source.Token);
            await source.CancelAsync();
        }
        await foreach (TextPiece _ in generator.StreamAsync(kept with { Prefix = null }))
            break;

        await Assert.ThrowsAsync<OperationCanceledException>(() => cancelled);
        Assert.AreEqual(expected, (await whole).Text);
        Assert.AreEqual(expected, (await generator.GenerateAsync(kept)).Text);
    }

    [TestMethod]
    public async Task StreamAsync_OfARequest_GivesThePiecesOfItsText()
    {
        using TextGenerator generator = Case.Open(Case.Prefixes());
        var request = new TextRequest { Text = "name : a", Prefix = "short", Generation = Endless };
        string text = "";
        await foreach (TextPiece piece in generator.StreamAsync(request))
            text += piece.Text;

        Assert.AreEqual((await generator.GenerateAsync(request)).Text, text);
        Assert.ThrowsExactly<NotSupportedException>(() => generator.StreamAsync(request with
        {
            Generation = new() { Decoding = Decoding.Beam(2), MaxNewTokens = 9 },
        }));
    }

    [TestMethod]
    public async Task Dispose_WhileRequestsAreWritten_EndsThem()
    {
        TextGenerator generator = Case.Open(Case.Prefixes());
        Task<TextResult> waiting = generator.GenerateAsync(new TextRequest { Text = "a", Generation = Endless });
        generator.Dispose();
        generator.Dispose();

        // It may have been whole already.
        if (await Task.WhenAny(waiting) is { IsFaulted: true } ended)
            Assert.IsInstanceOfType<ObjectDisposedException>(ended.Exception!.InnerException);
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(
            () => generator.GenerateAsync(new TextRequest { Text = "a" }));
    }

    [TestMethod]
    public async Task Request_OfMoreBeamsThanRows_IsWrittenAlone()
    {
        using TextGenerator own = Case.Model.CreateGenerator(),
            other = Case.Open(null,
                options: new TextGeneratorOptions { MaxRows = 2, CacheTokens = 300 });
        var request = new TextRequest
        {
            Text = "name : a",
            Generation = new() { Decoding = Decoding.Beam(6), MaxNewTokens = 7, SequenceCount = 6 },
        };
        Task<TextResult> before = other.GenerateAsync(request with { Generation = Endless });

        CollectionAssert.AreEqual((await own.GenerateAsync(request)).Completions.ToArray(),
            (await other.GenerateAsync(request)).Completions.ToArray());
        Assert.IsGreaterThan(0, (await before).NewTokens);
    }

    [TestMethod]
    public async Task Messages_OfARequest_AreReadAsElsewhere()
    {
        using TextGenerator generator = LlamaCppGenerator.FromGguf(Case.Path, llamaCpp: LlamaCase.Exact,
            generation: new() { Threads = 1, Generation = new() { MaxNewTokens = 6 } });
        TextMessage user = new(MessageRole.User, "name : a");

        Assert.AreEqual((await generator.GenerateAsync(new TextRequest { Text = user.Text })).Text,
            (await generator.GenerateAsync(new TextRequest([user]))).Text);
        Assert.Contains("its base has no chat template", (await Assert.ThrowsExactlyAsync<ArgumentException>(
            () => generator.GenerateAsync(new TextRequest([user, user])))).Message);
    }

    [TestMethod]
    public void GenerateTextWithLlamaCpp_OfRows_WritesTheTextsOfGenerateText()
    {
        var context = new MLContext(seed: 1);
        Dictionary<string, Prefix> prefixes = Case.Prefixes();
        var options = new TextGenerationOptions
        {
            Threads = 1,
            Generation = new() { MaxNewTokens = 10, BatchSize = 3 },
        };
        IDataView rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 11)
            .Select(i => new Row { Input = $"name : {i}", Task = i % 2 == 0 ? "short" : "long" }));
        using PrefixTuningTransformer own = context.Transforms.Text.GenerateText("Output", "Input", Case.Model,
            prefixes, "Task", options).Fit(rows);
        using PrefixTuningTransformer other = context.Transforms.Text.GenerateTextWithLlamaCpp("Output", "Input",
            Case.Model, prefixes, "Task", options, LlamaCase.Exact).Fit(rows);
        using PrefixTuningTransformer shorter = other.WithGeneration(other.Generation with { MaxNewTokens = 2 });

        string[] expected = [.. own.Transform(rows).GetColumn<string>("Output")];

        CollectionAssert.AreEqual(expected, other.Transform(rows).GetColumn<string>("Output").ToArray());
        Assert.IsTrue(shorter.Transform(rows).GetColumn<string>("Output").Zip(expected)
            .All(pair => pair.Second.StartsWith(pair.First, StringComparison.Ordinal)));
        using var folder = new TemporaryFolder();
        Assert.Contains("cannot be saved", Assert.ThrowsExactly<NotSupportedException>(
            () => context.Model.Save(other, rows.Schema, folder["model.zip"])).Message);
        Assert.Contains("its threads are those of the options", Assert.ThrowsExactly<NotSupportedException>(
            () => other.WithThreads(2)).Message);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Generator_Forgotten_HoldsItsFileNoLonger()
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(Path.GetDirectoryName(Case.Path)!);
        string path = folder["model.gguf"];
        LoadAndForget(new LlamaCase(path));
        // The first round ends the loop's thread, which knows the model.
        for (int round = 0; round < 3; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        FilesInUse.Refuse(path);
    }

    // Apart, so that no place of the stack holds them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LoadAndForget(LlamaCase copy)
    {
        var context = new MLContext(seed: 1);
        IDataView rows = context.Data.LoadFromEnumerable([new Row { Input = "name : a" }]);
        PrefixTuningTransformer transformer = context.Transforms.Text.GenerateTextWithLlamaCpp("Output", "Input",
            copy.Model, options: LlamaCase.OneThread with { Generation = new() { MaxNewTokens = 2 } }).Fit(rows);
        Assert.HasCount(1, transformer.Transform(rows).GetColumn<string>("Output").ToArray());
        Assert.ThrowsExactly<InvalidOperationException>(() => FilesInUse.Refuse(copy.Path));
    }

    private static string Text(TextResult result) => result.Text;

    private sealed class Row
    {
        public string Input { get; set; } = "";

        public string Task { get; set; } = "";
    }
}
