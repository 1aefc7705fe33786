using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>Texts and chats: from a body to an answer, whole or in pieces.</summary>
/// <param name="generator">Writes; stays the caller's.</param>
/// <param name="models">The models that may be named.</param>
/// <param name="settings">How much may be asked for.</param>
/// <param name="stopping">Cancelled when no request may go on.</param>
internal sealed class CompletionEndpoint(TextGenerator generator, ServedModels models, ServeSettings settings,
    CancellationToken stopping)
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly byte[] Data = "data: "u8.ToArray();
    private static readonly byte[] End = "\n\n"u8.ToArray();
    private static readonly byte[] Done = "data: [DONE]\n\n"u8.ToArray();

    /// <summary>Answers a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="isChat">Whether it is a chat.</param>
    /// <exception cref="ApiException">It gets an error.</exception>
    public async Task Answer(HttpContext context, bool isChat)
    {
        CompletionRequest asked = await Read(context.Request, isChat).ConfigureAwait(false);
        ServedModel model = models.Find(asked.Model);
        RequestNote note = context.Features.GetRequiredFeature<RequestNote>();
        (note.Model, note.Prompt) = (model.Name, settings.LogsTexts ? asked.Shown : null);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        deadline.CancelAfter(settings.TimeLimit);
        try
        {
            TextRequest request = RequestOf(asked, model);
            if (asked.IsStreamed)
                await Stream(context, asked, model, request, note, deadline.Token).ConfigureAwait(false);
            else
                await Write(context, asked, model, request, note, deadline.Token).ConfigureAwait(false);
        }
        // What is none of the client's goes on with its own stack, which is what the log needs.
        catch (Exception fault) when (!context.Response.HasStarted && Explained(fault, asked, context) is { } told)
        {
            throw told;
        }
    }

    private static async Task<CompletionRequest> Read(HttpRequest request, bool isChat)
    {
        try
        {
            using JsonDocument body = await JsonDocument
                .ParseAsync(request.Body, Strict, request.HttpContext.RequestAborted).ConfigureAwait(false);
            return CompletionRequest.Read(body.RootElement, isChat);
        }
        // What the reader says of such names and texts, whoever asks for them.
        catch (InvalidOperationException)
        {
            throw new ApiException(400, "expected JSON of whole characters in UTF-8, found half of one.",
                code: "invalid_json");
        }
        catch (JsonException fault)
        {
            throw new ApiException(400, $"expected JSON, found something else: {fault.Message}", code: "invalid_json");
        }
    }

    private TextRequest RequestOf(CompletionRequest asked, ServedModel model)
    {
        int ownTokens = GenerationRules.Lengths(model.Generation, generator.Engine.Spec).Most;
        GenerationOptions generation = asked.Generation(model.Generation, ownTokens, settings.MaxTokens);
        TextRequest request = asked.Messages is { } messages ? new TextRequest(messages)
            : new TextRequest { Text = asked.Prompt! };
        return request with
        {
            Prefix = model.Prefix,
            Generation = generation,
            LogProbabilities = asked.LogProbabilities,
        };
    }

    private async Task Write(HttpContext context, CompletionRequest asked, ServedModel model, TextRequest request,
        RequestNote note, CancellationToken cancellation)
    {
        TextResult result = await generator.GenerateAsync(request, cancellation).ConfigureAwait(false);
        Note(note, result);
        await Json.Write(context.Response, 200, new ResponseJson(asked.IsChat, model.Name).Whole(result))
            .ConfigureAwait(false);
    }

    private async Task Stream(HttpContext context, CompletionRequest asked, ServedModel model, TextRequest request,
        RequestNote note, CancellationToken cancellation)
    {
        var json = new ResponseJson(asked.IsChat, model.Name, asked.IncludesUsage);
        IAsyncEnumerator<TextPiece> pieces = generator.StreamAsync(request, cancellation)
            .GetAsyncEnumerator(cancellation);
        await using var _ = pieces.ConfigureAwait(false);
        // What is wrong with the request shows with its first step, before the answer begins.
        bool hasMore = await pieces.MoveNextAsync().ConfigureAwait(false);
        HttpResponse response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        // A proxy that gathers pieces would make one of all.
        response.Headers["X-Accel-Buffering"] = "no";
        try
        {
            for (; hasMore; hasMore = await pieces.MoveNextAsync().ConfigureAwait(false))
            {
                TextPiece piece = pieces.Current;
                await Send(response, json.Chunk(piece), cancellation).ConfigureAwait(false);
                if (piece.Result is not { } result)
                    continue;
                Note(note, result);
                if (asked.IncludesUsage)
                    await Send(response, json.UsageChunk(result), cancellation).ConfigureAwait(false);
            }
            await response.Body.WriteAsync(Done, cancellation).ConfigureAwait(false);
        }
        catch (Exception fault) when (!context.RequestAborted.IsCancellationRequested)
        {
            ApiException? told = Explained(fault, asked, context);
            note.Error = told?.Message ?? fault.ToString();
            await Send(response, (told ?? ApiException.OfServer()).ToJson(), context.RequestAborted)
                .ConfigureAwait(false);
        }
    }

    private static async Task Send(HttpResponse response, JsonObject chunk, CancellationToken cancellation)
    {
        using var line = new MemoryStream();
        line.Write(Data);
        JsonSerializer.Serialize(line, chunk, ResponseJson.Options);
        line.Write(End);
        await response.Body.WriteAsync(line.GetBuffer().AsMemory(0, (int)line.Length), cancellation)
            .ConfigureAwait(false);
        await response.Body.FlushAsync(cancellation).ConfigureAwait(false);
    }

    private static void Note(RequestNote note, TextResult result) =>
        (note.PromptTokens, note.NewTokens, note.Text) = (result.PromptTokens, result.NewTokens, result.Text);

    /// <summary>What a client is told of a fault; null where it is none of his.</summary>
    private ApiException? Explained(Exception fault, CompletionRequest asked, HttpContext context) => fault switch
    {
        GeneratorBusyException => new ApiException(429, fault.Message, code: "queue_full"),
        ArgumentException or NotSupportedException => Refused(fault, asked),
        OperationCanceledException when context.RequestAborted.IsCancellationRequested => null,
        _ when fault is ObjectDisposedException
            || fault is OperationCanceledException && stopping.IsCancellationRequested =>
            new ApiException(503, "the server is stopping.", code: "stopping"),
        OperationCanceledException => new ApiException(503, $"the request took longer than the"
            + $" {settings.TimeLimit.TotalSeconds} s that this server allows.", code: "time_limit"),
        _ => null,
    };

    private static ApiException Refused(Exception fault, CompletionRequest asked)
    {
        string message = ToolCommand.PlainMessage(fault);
        string? field = asked.FieldOf(message);
        // It was there when it was looked for, and went before it was taken.
        return field == "model" ? ServedModels.Missing(asked.Named(message))
            : new ApiException(400, asked.Named(message), field);
    }
}

/// <summary>JSON as an answer.</summary>
internal static class Json
{
    /// <summary>Writes one.</summary>
    public static Task Write(HttpResponse response, int status, JsonNode json)
    {
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(json, ResponseJson.Options);
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes).AsTask();
    }
}
