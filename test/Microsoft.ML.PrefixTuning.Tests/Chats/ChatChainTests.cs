using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Logging;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Chats;

/// <summary>A chat client behind what applications put around one: cache, log, telemetry.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ChatChainTests
{
    private const string Source = "ChatChainTests", Question = "name : Venue 1";

    [TestMethod]
    public async Task Chain_OfCacheLogAndTelemetry_TellsAndRemembers()
    {
        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Source,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var served = new ServedBase("tiny-llama");
        using TextGenerator generator = served.Model.CreateGenerator(served.Prefixes);
        using var log = new LineLog();
        var counting = new Counting(generator.AsChatClient("long"));
        using IChatClient chain = new ChatClientBuilder(counting).UseDistributedCache(new Cache()).UseLogging(log)
            .UseOpenTelemetry(log, Source).Build();

        ChatResponse first = await chain.GetResponseAsync(Question);
        ChatResponse again = await chain.GetResponseAsync(Question);
        ChatResponse other = await chain.GetResponseAsync(Question, new ChatOptions { ModelId = "short" });
        string streamed = await Streamed(chain), streamedAgain = await Streamed(chain);

        Assert.AreEqual(served.Transform("long", generator.Generation, [Question])[0][0], first.Text);
        Assert.AreEqual((first.Text, first.ModelId, first.FinishReason, first.Usage!.OutputTokenCount),
            (again.Text, again.ModelId, again.FinishReason, again.Usage!.OutputTokenCount));
        Assert.AreEqual(("short", first.Text, first.Text), (other.ModelId, streamed, streamedAgain));
        Assert.AreEqual((2, 1), (counting.Responses, counting.Streams), "what is remembered is not written again");
        Assert.IsTrue(log.Lines.Any(line => line.Contains("GetResponseAsync", StringComparison.Ordinal)));
        Assert.HasCount(3, activities);
        foreach (Activity activity in activities)
        {
            Assert.AreEqual("microsoft.ml.prefixtuning", activity.GetTagItem("gen_ai.provider.name"));
            Assert.IsNotNull(activity.GetTagItem("gen_ai.usage.input_tokens"));
            Assert.IsNotNull(activity.GetTagItem("gen_ai.response.finish_reasons"));
        }
        CollectionAssert.AreEquivalent(new[] { "long", "long", "short" },
            activities.Select(activity => activity.GetTagItem("gen_ai.response.model")).ToArray());
    }

    private static async Task<string> Streamed(IChatClient chain)
    {
        string text = "";
        await foreach (ChatResponseUpdate update in chain.GetStreamingResponseAsync(Question))
            text += update.Text;
        return text;
    }

    private sealed class Counting(IChatClient inner) : DelegatingChatClient(inner)
    {
        public int Responses { get; private set; }

        public int Streams { get; private set; }

        public override Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages,
            ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            Responses++;
            return base.GetResponseAsync(messages, options, cancellationToken);
        }

        public override IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            Streams++;
            return base.GetStreamingResponseAsync(messages, options, cancellationToken);
        }
    }

    private sealed class Cache : IDistributedCache
    {
        private readonly ConcurrentDictionary<string, byte[]> _values = new();

        public byte[]? Get(string key) => _values.GetValueOrDefault(key);

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Get(key));

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => _values[key] = value;

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options,
            CancellationToken token = default)
        {
            Set(key, value, options);
            return Task.CompletedTask;
        }

        public void Refresh(string key)
        {
        }

        public Task RefreshAsync(string key, CancellationToken token = default) => Task.CompletedTask;

        public void Remove(string key) => _values.TryRemove(key, out _);

        public Task RemoveAsync(string key, CancellationToken token = default)
        {
            Remove(key);
            return Task.CompletedTask;
        }
    }

    private sealed class LineLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
