using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>
/// What every request passes: by which name it calls the server, whether it brings a key, whether its body is JSON.
/// Errors become JSON, and every request a line in the log.
/// </summary>
/// <param name="settings">Who may ask.</param>
/// <param name="log">Takes the lines.</param>
internal sealed class Gate(ServeSettings settings, ServerLog log)
{
    /// <summary>Open to all: it says nothing but that the server is there.</summary>
    public const string Health = "/health";

    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

    private readonly HashSet<string> _names =
        new(settings.AllowedHosts.Append("localhost").Append(settings.Host), StringComparer.OrdinalIgnoreCase);

    /// <summary>The middleware.</summary>
    public async Task Pass(HttpContext context, RequestDelegate next)
    {
        long start = Stopwatch.GetTimestamp();
        var note = new RequestNote { Method = Methods.Contains(context.Request.Method) ? context.Request.Method : "?" };
        context.Features.Set(note);
        context.Response.Headers.XContentTypeOptions = "nosniff";
        try
        {
            Check(context);
            await next(context).ConfigureAwait(false);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null })
                throw Plain(context.Response.StatusCode);
        }
        catch (Exception fault)
        {
            await Fail(context, note, fault).ConfigureAwait(false);
        }
        note.Route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? note.Route;
        note.Status = note.Status == 0 ? context.Response.StatusCode : note.Status;
        note.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (note.Route != Health || note.Status != 200)
            log.Tell(note);
    }

    private void Check(HttpContext context)
    {
        HttpRequest request = context.Request;
        // Probes need not say a host.
        if (request.Path == Health)
            return;
        // A page of another site whose name was pointed to this machine calls it by that name.
        string host = request.Host.Host.Trim('[', ']');
        if (!_names.Contains(host) && !IPAddress.TryParse(host, out _))
            throw new ApiException(421, "expected as the Host an address, localhost or a name of --allowed-host, found"
                + " another one.", code: "unknown_host");
        if (!settings.Keys.Open(request.Headers.Authorization))
        {
            // A browser asks for user and password; programs are not kept waiting by that.
            bool isBrowser = request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal);
            context.Response.Headers.WWWAuthenticate = isBrowser ? "Basic realm=\"prefix-tune\"" : "Bearer";
            throw new ApiException(401, "expected one of the server's keys (Authorization: Bearer KEY), found none of"
                + " them.", code: "invalid_api_key");
        }
        bool isJson = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && (!type.Charset.HasValue
            || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
        if (HttpMethods.IsPost(request.Method) && !isJson)
            throw new ApiException(415, "Content-Type: expected application/json in UTF-8, found another one.",
                code: "unsupported_media_type");
    }

    private async Task Fail(HttpContext context, RequestNote note, Exception fault)
    {
        if (context.RequestAborted.IsCancellationRequested || context.Response.HasStarted)
        {
            // Nobody is there to be told, or the answer has begun.
            if (context.RequestAborted.IsCancellationRequested)
            {
                (note.Status, note.Error) = (499, "the client went away");
                return;
            }
            note.Error = fault.ToString();
            context.Abort();
            return;
        }
        ApiException told = fault switch
        {
            ApiException own => own,
            BadHttpRequestException { StatusCode: 413 } => new ApiException(413,
                $"expected a body of at most {settings.MaxBodyBytes} bytes, found a larger one.",
                code: "body_too_large"),
            BadHttpRequestException bad => new ApiException(bad.StatusCode, bad.Message),
            _ => ApiException.OfServer(),
        };
        note.Error = told.Status == 500 ? fault.ToString() : told.Code ?? told.Message;
        if (told.Status == 429)
            context.Response.Headers.RetryAfter = "1";
        await Json.Write(context.Response, told.Status, told.ToJson()).ConfigureAwait(false);
    }

    private static ApiException Plain(int status) => new(status, status switch
    {
        404 => "found nothing at this path; /openapi/v1.json says what there is.",
        405 => "expected another method at this path.",
        _ => "the request was refused.",
    });
}
