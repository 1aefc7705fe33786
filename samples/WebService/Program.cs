using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML;
using Microsoft.ML.PrefixTuning;

// dotnet run --project samples/WebService -c Release -- --PrefixTuning:Prefixes:describe describe.safetensors
// curl -N localhost:5000/write -H 'Content-Type: application/json' -d '{"text":"name : Vaults","prefix":"describe"}'
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// One generator for the whole application: requests of all clients are written together. The container disposes it.
builder.Services.AddTextGenerator(SmolLM2.Instruct135M, builder.Configuration.GetSection("PrefixTuning"));

WebApplication application = builder.Build();
// Loaded now and not with the first request.
application.Services.GetRequiredService<TextGenerator>();
application.UseExceptionHandler(failed => failed.Run(context => Results.Problem(
    statusCode: StatusOf(context.Features.Get<IExceptionHandlerFeature>()?.Error)).ExecuteAsync(context)));

// The whole text, or its pieces as they come; a client who goes away takes his row out of the batch.
application.MapPost("/text", async (Asked asked, TextGenerator generator, CancellationToken cancellation) =>
    (await generator.GenerateAsync(asked.Request(), cancellation)).Text);
application.MapPost("/write", (Asked asked, TextGenerator generator, CancellationToken cancellation) =>
    TypedResults.ServerSentEvents(Pieces(generator.StreamAsync(asked.Request(), cancellation))));
application.Run();

static async IAsyncEnumerable<string> Pieces(IAsyncEnumerable<TextPiece> pieces,
    [EnumeratorCancellation] CancellationToken cancellation = default)
{
    await foreach (TextPiece piece in pieces.WithCancellation(cancellation))
        yield return piece.Text;
}

static int StatusOf(Exception? fault) => fault is GeneratorBusyException ? 429 : fault is ArgumentException ? 400 : 500;

/// <summary>The body of a request.</summary>
internal sealed record Asked(string Text, string? Prefix)
{
    public TextRequest Request() => new() { Text = Text, Prefix = Prefix };
}
