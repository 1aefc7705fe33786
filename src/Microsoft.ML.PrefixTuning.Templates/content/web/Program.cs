// Texts for many callers, written by one base model and any number of trained prefixes.
//
//   dotnet run -c Release
//   curl localhost:5000/text -H 'Content-Type: application/json' -d '{"text": "Water boils at"}'
//   curl -N localhost:5000/stream -H 'Content-Type: application/json' -d '{"text": "Water boils at"}'
//
// A prefix file (Prefix.Save, or prefix-tune train) is named in appsettings.json, under PrefixTuning:Prefixes:
//
//   "Prefixes": { "describe": "describe.safetensors" }
//
// and requests then say "prefix": "describe".

using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.PrefixTuning;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// One generator for the whole application: requests of all clients are written together. The container disposes it.
builder.Services.AddTextGenerator(SmolLM2.Instruct135M, builder.Configuration.GetSection("PrefixTuning"));

WebApplication app = builder.Build();
// Loaded now and not with the first request.
app.Services.GetRequiredService<TextGenerator>();
app.UseExceptionHandler(failed => failed.Run(context => Results.Problem(
    statusCode: StatusOf(context.Features.Get<IExceptionHandlerFeature>()?.Error)).ExecuteAsync(context)));

// The whole text, or its pieces as they come; a client who goes away takes his row out of the batch.
app.MapPost("/text", async (Asked asked, TextGenerator generator, CancellationToken cancellation) =>
    (await generator.GenerateAsync(asked.Request(), cancellation)).Text);
app.MapPost("/stream", (Asked asked, TextGenerator generator, CancellationToken cancellation) =>
    TypedResults.ServerSentEvents(Pieces(generator.StreamAsync(asked.Request(), cancellation))));
app.Run();

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
