using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Benchmarks.Serving;

/// <summary>
/// The command's server under load: clients over eight prefixes, some of which leave, die or ask for nonsense. Texts
/// are compared with the transformer's.
/// </summary>
internal static class ServeBenchmark
{
    private const int BareClients = 8;

    // Until the code that runs often is compiled for that: the bare generator has written texts before it is measured.
    private const double WarmUp = 10;

    // What is wanted of two cores and SmolLM2.
    private const double LeastShare = 0.9, MostFirstToken = 0.5, MostGrowth = 32, MostDelay = 0.5;

    /// <summary>Measures: a line a figure. Returns an exit code.</summary>
    /// <param name="arguments"><c>name=value</c>, see <see cref="ServeRun"/>.</param>
    public static int Measure(string[] arguments)
    {
        var run = ServeRun.Parse(arguments);
        return Measure(run).GetAwaiter().GetResult() ? 0 : 1;
    }

    private static async Task<bool> Measure(ServeRun run)
    {
        using var served = new ServeCase(run.Base);
        double bare = double.NaN;
        if (run.Clients.Count + run.Requests > 0)
            served.WriteTexts();
        if (run.Clients.Count > 0)
        {
            bare = await Bare(served, run.Seconds);
            Say($"bare generator, {BareClients} callers: {bare:F1} tokens/s");
        }
        bool isGood = true;
        using ServerProcess server = await ServerProcess.Start(run.Base, served.Options, run.Options);
        using var client = new HttpClient { BaseAddress = server.Address };
        if (run.Clients.Count > 0)
            await Load(served, server, BareClients, WarmUp, run.Trouble, new ServeFigures());
        foreach (int clients in run.Clients)
            isGood &= await Drive(served, server, client, clients, run, bare);
        if (run.Requests > 0)
            isGood &= await Grow(served, server, run.Requests);
        await Wait(server, client, served);
        (double seconds, int code) = await server.Terminate();
        Say($"SIGTERM: ended with {code} after {seconds:F1} s");
        return isGood && code == 0;
    }

    /// <summary>Tokens a second of the generator in this process.</summary>
    private static async Task<double> Bare(ServeCase served, double seconds)
    {
        using TextGenerator generator = served.Base.CreateGenerator(served.Prefixes
            .Select((prefix, number) => KeyValuePair.Create(ServeCase.Name(number), prefix)).ToDictionary());
        long tokens = 0;
        await Write(1);
        tokens = 0;
        long start = Stopwatch.GetTimestamp();
        await Write(seconds);
        return tokens / Stopwatch.GetElapsedTime(start).TotalSeconds;

        Task Write(double time) => Task.WhenAll(Enumerable.Range(0, BareClients).Select(number => Task.Run(async () =>
        {
            var random = new Random(number);
            long begin = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(begin).TotalSeconds < time)
            {
                TextResult result = await generator.GenerateAsync(new TextRequest
                {
                    Text = ServeCase.Rows[random.Next(ServeCase.Rows.Count)],
                    Prefix = ServeCase.Name(random.Next(served.Prefixes.Count)),
                    Generation = new() { MaxNewTokens = ServeCase.NewTokens },
                });
                Interlocked.Add(ref tokens, result.NewTokens);
            }
        })));
    }

    private static async Task<bool> Drive(ServeCase served, ServerProcess server, HttpClient client, int count,
        ServeRun run, double bare)
    {
        var figures = new ServeFigures();
        double before = await server.Tokens(client);
        long start = Stopwatch.GetTimestamp();
        await Load(served, server, count, run.Seconds, run.Trouble, figures);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double tokens = await server.Tokens(client) - before;
        Say($"{count} clients, {seconds:F0} s: {figures.Show(tokens / seconds)}; server {server.Megabytes():F0} MB");
        if (count == BareClients)
        {
            double share = tokens / seconds / bare, first = figures.FirstTokenPart(0.95);
            Say($"goals at {count} clients: {share:P0} of the bare generator ({Met(share >= LeastShare)}), p95 of the"
                + $" first token {first:F3} s ({Met(first <= MostFirstToken)})");
        }
        return !figures.HasFaults;
    }

    /// <summary>Has clients ask for some time.</summary>
    private static async Task Load(ServeCase served, ServerProcess server, int count, double seconds, double trouble,
        ServeFigures figures)
    {
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        ServeClient[] clients = [.. Enumerable.Range(0, count).Select(number =>
            new ServeClient(served, server.Address, 1000 * count + number, figures, trouble))];
        await Task.WhenAll(clients.Select(one => Task.Run(() => one.Run(end.Token))));
        foreach (ServeClient one in clients)
            one.Dispose();
    }

    private static string Met(bool isMet) => isMet ? "met" : "missed";

    /// <summary>Memory after a tenth of some requests of all kinds, on the way, and after all.</summary>
    private static async Task<bool> Grow(ServeCase served, ServerProcess server, int requests)
    {
        var figures = new ServeFigures();
        double first = 0;
        foreach (int upTo in (int[])[requests / 10, requests / 5, requests / 2, requests])
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(number => Task.Run(async () =>
            {
                using var client = new ServeClient(served, server.Address, number, figures, 0);
                while (figures.Requests < upTo)
                    await client.AskShort();
            })));
            double now = server.Megabytes();
            Say($"memory after {figures.Requests} requests: {now:F0} MB"
                + (first == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
                    $", {now - first:F1} MB more ({Met(now - first < MostGrowth)})")));
            first = first == 0 ? now : first;
        }
        Say($"meanwhile {figures.Show(double.NaN)}");
        return !figures.HasFaults;
    }

    /// <summary>What others, which are all being written, wait for while a prompt of 2,000 tokens is read.</summary>
    private static async Task Wait(ServerProcess server, HttpClient client, ServeCase served)
    {
        const int Others = 7, LongTokens = 2000;
        var tokenizer = served.Base.OpenTokenizer();
        var prompt = new StringBuilder();
        // A prefix, a chat's frame and a few new tokens have room in a window of 2,048 beside it.
        for (int i = 0; tokenizer.CountTokens(prompt.ToString()) < LongTokens - 10; i++)
            prompt.Append(ServeCase.Rows[i % ServeCase.Rows.Count][..40]).Append('\n');
        double usual = double.NaN;
        // The first round warms up.
        for (int round = 0; round < 5; round++)
        {
            bool isLong = round > 1;
            TaskCompletionSource[] begun = [.. Enumerable.Range(0, Others)
                .Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
            Task<Gap[]>[] others = [.. begun.Select((own, number) => Gaps(client, number, own))];
            await Task.WhenAll(begun.Select(own => own.Task));
            long start = Stopwatch.GetTimestamp(), end = long.MaxValue;
            if (isLong)
            {
                using HttpResponseMessage answer =
                    await Post(client, ServeCase.Name(7), prompt.ToString(), 2, stream: false);
                end = Stopwatch.GetTimestamp();
                if (!answer.IsSuccessStatusCode)
                    Say($"the long prompt's answer: {(int)answer.StatusCode}");
                Say($"the long prompt's answer came after {Stopwatch.GetElapsedTime(start, end).TotalSeconds:F1} s");
            }
            Gap[] all = [.. (await Task.WhenAll(others)).SelectMany(own => own)];
            // While the streams begin, they wait for each other's prompts.
            double[] gaps = [.. all.Where(gap => gap.To > start && gap.From < end).Select(gap => gap.Seconds).Order()];
            string when = isLong ? $" while a prompt of some {LongTokens} tokens is read" : "";
            if (gaps.Length == 0 || round == 0)
                continue;
            double median = gaps[gaps.Length / 2], longest = gaps[^1];
            if (!isLong)
                Say($"longest between two pieces while {Others} streams begin: {all.Max(gap => gap.Seconds):F3} s");
            usual = isLong ? usual : median;
            string goal = !isLong ? "" : string.Create(CultureInfo.InvariantCulture,
                $", {longest - usual:F3} s more than the usual median ({Met(longest - usual <= MostDelay)})");
            Say($"between two pieces of {Others} streams{when}: median {median:F3} s, longest {longest:F3} s{goal}");
        }
    }

    /// <summary>Follows a stream; says when its first piece has come, or none will.</summary>
    private static async Task<Gap[]> Gaps(HttpClient client, int number, TaskCompletionSource begun)
    {
        try
        {
            return await Gaps(client, number, begun.TrySetResult);
        }
        finally
        {
            begun.TrySetResult();
        }
    }

    private static async Task<Gap[]> Gaps(HttpClient client, int number, Func<bool> begin)
    {
        using HttpResponseMessage answer =
            await Post(client, ServeCase.Name(number), ServeCase.Rows[number], 200, stream: true);
        var gaps = new List<Gap>();
        long last = 0;
        await foreach (JsonElement _ in ServeClient.Events(await answer.Content.ReadAsStreamAsync()))
        {
            long now = Stopwatch.GetTimestamp();
            if (last != 0)
                gaps.Add(new Gap(last, now));
            last = now;
            begin();
        }
        return [.. gaps];
    }

    private static Task<HttpResponseMessage> Post(HttpClient client, string model, string prompt, int tokens,
        bool stream)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(JsonSerializer.Serialize(new
            {
                model,
                prompt,
                max_tokens = tokens,
                stream,
                temperature = 1
            }), Encoding.UTF8, "application/json"),
        };
        return client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>The time between two pieces of a stream.</summary>
    private readonly record struct Gap(long From, long To)
    {
        public double Seconds => Stopwatch.GetElapsedTime(From, To).TotalSeconds;
    }

    private static void Say(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static void Say(string line) => Console.WriteLine(line);
}

/// <summary>What is measured.</summary>
/// <param name="Base">Folder or file of the base.</param>
/// <param name="Seconds">How long, for each number of clients.</param>
/// <param name="Clients">The numbers of clients; empty for no load.</param>
/// <param name="Requests">Requests between which memory is compared; 0 for none.</param>
/// <param name="Trouble">Share of requests that are left, die or are nonsense.</param>
internal sealed record ServeRun(string Base, double Seconds, IReadOnlyList<int> Clients, int Requests, double Trouble)
{
    /// <summary>Options of the command.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>
    /// Reads <c>seconds=</c>, <c>clients=</c>, <c>requests=</c>, <c>trouble=</c>, <c>base=</c>, <c>short</c>, and
    /// options of the command as <c>--prompt-piece=128</c>.
    /// </summary>
    public static ServeRun Parse(string[] arguments)
    {
        var run = new ServeRun(TrainBenchmark.BasePath, 120, [1, 8, 64], 5000, 0.2);
        foreach (string argument in arguments)
        {
            string[] parts = argument.Split('=', 2);
            run = parts[0] switch
            {
                "short" => run with { Seconds = 10, Requests = 200 },
                "seconds" => run with { Seconds = Number(parts[1]) },
                "clients" => run with
                {
                    Clients = [.. parts[1].Split(',', StringSplitOptions.RemoveEmptyEntries)
                        .Select(part => (int)Number(part))],
                },
                "requests" => run with { Requests = (int)Number(parts[1]) },
                "trouble" => run with { Trouble = Number(parts[1]) },
                "base" => run with { Base = parts[1] },
                _ when argument.StartsWith("--", StringComparison.Ordinal) =>
                    run with { Options = [.. run.Options, .. parts] },
                _ => throw new ArgumentException(
                    $"serve: expected short, seconds=, clients=, requests=, trouble= or base=, found '{argument}'."),
            };
        }
        return run;

        static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
    }
}
