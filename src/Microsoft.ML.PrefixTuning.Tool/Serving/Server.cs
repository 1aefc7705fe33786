using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.ML.PrefixTuning.Signals;
using OpenTelemetry.Metrics;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>A generator behind HTTP, in OpenAI's forms. Owns neither the generator nor the log.</summary>
internal sealed class Server : IAsyncDisposable
{
    // Behind the time that requests have to end: what the framework needs to close its connections.
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(5);

    private static readonly string[] Head = [HttpMethods.Head];

    private readonly CancellationTokenSource _stopping = new();
    private readonly ServeSettings _settings;
    private readonly WebApplication _application;

    /// <summary>Puts the server together; nothing is listened on yet.</summary>
    /// <param name="generator">Writes.</param>
    /// <param name="models">The models that may be named.</param>
    /// <param name="settings">Where, for whom, how much.</param>
    /// <param name="log">Takes its lines.</param>
    public Server(TextGenerator generator, ServedModels models, ServeSettings settings, ServerLog log)
    {
        _settings = settings;
        // An empty one: no file and no variable beside the command line has a say.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(Configure);
        // What the host logs of its start and its end it throws, too, and the verb tells it.
        builder.Logging.AddProvider(log).AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        IServiceCollection services = builder.Services;
        services.AddRoutingCore();
        // The verb has the signals.
        services.AddSingleton<IHostLifetime, NoLifetime>();
        services.Configure<HostOptions>(options => options.ShutdownTimeout = settings.DrainTime + CloseTime);
        services.AddOpenApi(ApiDocument.Describe);
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(SignalSource.Name)
            .AddMeter("Microsoft.AspNetCore.Hosting").AddPrometheusExporter());
        _application = builder.Build();
        var gate = new Gate(settings, log);
        _application.Use(next => context => gate.Pass(context, next));
        Map(_application, models, new CompletionEndpoint(generator, models, settings, _stopping.Token));
    }

    /// <summary>Where it listens, once it has started.</summary>
    public Uri Address => new(_application.Urls.First());

    /// <summary>Begins to listen.</summary>
    /// <exception cref="IOException">The port is taken, or the address is none of this machine's.</exception>
    public async Task Start()
    {
        try
        {
            await _application.StartAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture,
                $"--host {_settings.Host} --port {_settings.Port}: {fault.Message}"), fault);
        }
    }

    /// <summary>
    /// Ends: nothing new is taken, what runs may go on for <see cref="ServeSettings.DrainTime"/>, the rest is
    /// cancelled.
    /// </summary>
    public async Task Stop()
    {
        _stopping.CancelAfter(_settings.DrainTime);
        await _application.StopAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = _settings.MaxBodyBytes;
        if (_settings.Host == ServeSettings.Everywhere)
            options.ListenAnyIP(_settings.Port);
        else if (IPAddress.TryParse(_settings.Host, out IPAddress? address))
            options.Listen(address, _settings.Port);
        // Of two addresses a free port cannot be found.
        else if (_settings.Port == 0)
            options.Listen(IPAddress.Loopback, 0);
        else
            options.ListenLocalhost(_settings.Port);
    }

    private static void Map(WebApplication application, ServedModels models, CompletionEndpoint endpoint)
    {
        // As delegates of any kind: those of the framework's own have no place in the document.
        application.MapGet(Gate.Health, (Delegate)((HttpContext context) => SayHealth(context)));
        application.MapGet("/", PageFile.Send);
        application.MapGet("/v1/models", (Delegate)((HttpContext context) => List(context, models)));
        application.MapGet("/v1/models/{**model}", (HttpContext context, string model) =>
            Json.Write(context.Response, 200, Describe(models.FindInPath(model))));
        // The server leaves the body out.
        application.MapMethods(Gate.Health, Head, SayHealth);
        application.MapMethods("/", Head, PageFile.Send);
        application.MapMethods("/v1/models", Head, context => List(context, models));
        application.MapPost(ApiDocument.Completions,
            (Delegate)((HttpContext context) => endpoint.Answer(context, isChat: false)));
        application.MapPost(ApiDocument.Chats,
            (Delegate)((HttpContext context) => endpoint.Answer(context, isChat: true)));
        application.MapPrometheusScrapingEndpoint("/metrics");
        application.MapOpenApi();
    }

    private static Task SayHealth(HttpContext context) =>
        Json.Write(context.Response, 200, new JsonObject { ["status"] = "ok" });

    private static Task List(HttpContext context, ServedModels models) =>
        Json.Write(context.Response, 200, new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. models.All.Select(Describe)]),
        });

    private static JsonNode Describe(ServedModel model) => new JsonObject
    {
        ["id"] = model.Name,
        ["object"] = "model",
        ["created"] = model.Created.ToUnixTimeSeconds(),
        ["owned_by"] = "prefix-tune",
    };

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
