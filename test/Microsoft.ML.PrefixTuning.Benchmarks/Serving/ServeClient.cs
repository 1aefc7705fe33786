using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Benchmarks.Serving;

/// <summary>
/// A client: asks for texts and compares them; now and then it goes away in the middle, dies, or asks for nonsense.
/// </summary>
internal sealed class ServeClient(ServeCase served, Uri address, int seed, ServeFigures figures, double trouble)
    : IDisposable
{
    private const string Path = "/v1/completions";
    private const int FewTokens = 3;

    // What is wrong, and the status that it gets.
    private static readonly (string Body, string Type, int Status)[] Nonsense =
    [
        ("{", "application/json", 400), ("[]", "application/json", 400),
        ("""{"model":"no-such","prompt":"a"}""", "application/json", 404),
        ("""{"model":"prefix-0","prompt":"a","max_tokens":-1}""", "application/json", 400),
        ("""{"model":"prefix-0","prompt":"a","max_tokens":100000}""", "application/json", 400),
        ("""{"model":"prefix-0","prompt":"a","n":4}""", "application/json", 400),
        ("""{"model":"prefix-0","prompt":"a","file":"../../etc/passwd"}""", "application/json", 400),
        ("""{"model":"prefix-0","prompt":"a"}""", "text/plain", 415),
        ($$"""{"model":"prefix-0","prompt":"{{new string('a', 100_000)}}"}""", "application/json", 413),
        ($$"""{"model":"prefix-0","prompt":"{{string.Concat(Enumerable.Repeat("many words ", 5000))}}"}""",
            "application/json", 400),
    ];

    private readonly Random _random = new(seed);
    private readonly HttpClient _client = new() { BaseAddress = address, Timeout = TimeSpan.FromMinutes(10) };

    /// <summary>Asks until it is cancelled, which ends no request.</summary>
    public async Task Run(CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            double kind = _random.NextDouble();
            if (kind >= trouble)
                await (kind < trouble + (1 - trouble) / 4 ? AskWhole() : AskPieces(int.MaxValue));
            else if (kind < trouble * 0.4)
                await AskPieces(1 + _random.Next(10));
            else if (kind < trouble * 0.7)
                await Die();
            else
                await AskNonsense();
        }
    }

    /// <summary>Asks for a few tokens, in every way in which anything is asked for.</summary>
    public Task AskShort() => _random.Next(8) switch
    {
        < 3 => AskWhole(FewTokens),
        < 5 => AskPieces(int.MaxValue, FewTokens),
        5 => AskPieces(1, FewTokens),
        6 => Die(),
        _ => AskNonsense(),
    };

    public void Dispose() => _client.Dispose();

    private async Task AskWhole(int tokens = ServeCase.NewTokens)
    {
        (int prefix, int row) = Choose();
        using HttpResponseMessage answer =
            await _client.PostAsync(Path, Content(Body(prefix, row, stream: false, tokens)));
        string body = await answer.Content.ReadAsStringAsync();
        if (!figures.Count((int)answer.StatusCode, 200))
            return;
        using JsonDocument json = JsonDocument.Parse(body);
        figures.Text(served.Expected(prefix, row),
            json.RootElement.GetProperty("choices")[0].GetProperty("text").GetString()!,
            isWhole: tokens == ServeCase.NewTokens);
    }

    private async Task AskPieces(int most, int tokens = ServeCase.NewTokens)
    {
        (int prefix, int row) = Choose();
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = Content(Body(prefix, row, stream: true, tokens)),
        };
        long start = Stopwatch.GetTimestamp();
        using HttpResponseMessage answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (!figures.Count((int)answer.StatusCode, 200))
            return;
        var text = new StringBuilder();
        int pieces = 0;
        await foreach (JsonElement piece in Events(await answer.Content.ReadAsStreamAsync()))
        {
            if (pieces++ == 0)
                figures.FirstToken(Stopwatch.GetElapsedTime(start).TotalSeconds);
            text.Append(piece.GetProperty("choices")[0].GetProperty("text").GetString());
            // Leaving closes the connection.
            if (pieces < most)
                continue;
            figures.Text(served.Expected(prefix, row), text.ToString(), isWhole: false);
            return;
        }
        figures.Text(served.Expected(prefix, row), text.ToString(), isWhole: tokens == ServeCase.NewTokens);
    }

    /// <summary>A connection that is torn while it is answered.</summary>
    private async Task Die()
    {
        (int prefix, int row) = Choose();
        byte[] body = Encoding.UTF8.GetBytes(Body(prefix, row, stream: true));
        using var tcp = new TcpClient { LingerState = new LingerOption(true, 0) };
        await tcp.ConnectAsync(address.Host, address.Port);
        NetworkStream stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"POST {Path} HTTP/1.1\r\nHost: localhost\r\nContent-Type:"
            + $" application/json\r\nContent-Length: {body.Length}\r\n\r\n"));
        // Some do not even say what they want.
        await stream.WriteAsync(body.AsMemory(0, _random.Next(4) == 0 ? body.Length / 2 : body.Length));
        if (_random.Next(2) == 0)
            await Task.Delay(_random.Next(300));
        figures.Died();
    }

    private async Task AskNonsense()
    {
        (string body, string type, int status) = Nonsense[_random.Next(Nonsense.Length)];
        using var content = new StringContent(body, Encoding.UTF8, type);
        try
        {
            using HttpResponseMessage answer = await _client.PostAsync(Path, content);
            figures.Count((int)answer.StatusCode, status);
        }
        // A server that has refused a body may close before all of it was sent; nobody sees its answer then.
        catch (HttpRequestException) when (status == 413)
        {
            figures.Torn();
        }
    }

    private (int Prefix, int Row) Choose() => (_random.Next(served.Prefixes.Count), _random.Next(ServeCase.Rows.Count));

    private static string Body(int prefix, int row, bool stream, int tokens = ServeCase.NewTokens) =>
        JsonSerializer.Serialize(new
        {
            model = ServeCase.Name(prefix),
            prompt = ServeCase.Rows[row],
            max_tokens = tokens,
            stream,
        });

    private static StringContent Content(string body) => new(body, Encoding.UTF8, "application/json");

    /// <summary>The events of a stream.</summary>
    public static async IAsyncEnumerable<JsonElement> Events(Stream stream)
    {
        using var reader = new StreamReader(stream);
        while (await reader.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal) || line == "data: [DONE]")
                continue;
            using JsonDocument json = JsonDocument.Parse(line["data: ".Length..]);
            yield return json.RootElement.Clone();
        }
    }
}
