using System;
using System.Collections.Generic;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tool.Serving;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>A server in this process, on a port that was free, and a client for it.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    /// <summary>Name of the base.</summary>
    public const string BaseName = "tiny";

    private readonly StringWriter _lines = new();
    private readonly Tool.Serving.Server _server;

    private RunningServer(BaseModel baseModel, ServeSettings settings, TextGeneratorOptions? options)
    {
        Generator = baseModel.CreateGenerator(null, new TextGenerationOptions
        {
            Generation = new GenerationOptions { MaxNewTokens = 16 },
        }, options);
        Models = new ServedModels(Generator, BaseName);
        Log = new ServerLog(_lines, settings.LogsTexts);
        _server = new Tool.Serving.Server(Generator, Models, settings, Log);
    }

    public TextGenerator Generator { get; }

    public ServedModels Models { get; }

    public ServerLog Log { get; }

    public HttpClient Client { get; } = new();

    public Uri Address => _server.Address;

    /// <summary>What was logged so far.</summary>
    public string Lines
    {
        get
        {
            lock (_lines)
                return _lines.ToString();
        }
    }

    /// <summary>Starts one with the prefixes <c>short</c> and <c>long</c>.</summary>
    public static async Task<RunningServer> Start(ServeSettings? settings = null, BaseModel? baseModel = null,
        TextGeneratorOptions? options = null)
    {
        var server = new RunningServer(baseModel ?? BaseModel.FromFolder(TinyServing.BasePath),
            settings ?? new ServeSettings(), options);
        server.Add("short", 2);
        server.Add("long", 9);
        await server._server.Start();
        server.Client.BaseAddress = server.Address;
        return server;
    }

    /// <summary>Serves another prefix.</summary>
    public void Add(string name, int length) =>
        Models.Add(new PrefixEntry(name, $"{name}.safetensors", TinyServing.Random(length), Generator.Generation));

    /// <summary>Posts JSON.</summary>
    public async Task<(int Status, JsonNode Body)> Post(string path, object body)
    {
        using HttpResponseMessage answer = await Client.PostAsync(path, Content(body));
        return ((int)answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }

    /// <summary>Posts JSON that is answered.</summary>
    public async Task<JsonNode> Ask(string path, object body)
    {
        (int status, JsonNode answer) = await Post(path, body);
        return status == 200 ? answer : throw new InvalidOperationException(answer.ToJsonString());
    }

    /// <summary>Posts JSON and gives the events of the stream that is answered, without the mark of its end.</summary>
    public async Task<List<JsonNode>> Stream(string path, object body)
    {
        using HttpResponseMessage answer = await Client.PostAsync(path, Content(body));
        string all = await answer.Content.ReadAsStringAsync();
        if (answer.Content.Headers.ContentType?.MediaType != "text/event-stream")
            throw new InvalidOperationException(all);
        var events = new List<JsonNode>();
        foreach (string part in all.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            if (part != "data: [DONE]")
                events.Add(JsonNode.Parse(part["data: ".Length..])!);
        }
        return events;
    }

    /// <summary>A body of JSON.</summary>
    public static StringContent Content(object body) =>
        new(body as string ?? JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");

    /// <summary>Tells it to stop, and waits until it has.</summary>
    public Task Stop() => _server.Stop();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.Stop();
        await _server.DisposeAsync();
        Generator.Dispose();
        Log.Dispose();
    }
}
