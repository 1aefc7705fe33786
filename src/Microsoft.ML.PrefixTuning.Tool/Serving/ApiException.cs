using System;
using System.Text.Json.Nodes;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>A request that gets an error, in the shape that OpenAI's have.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What is wrong.</param>
/// <param name="field">The field that is; null where it is none.</param>
/// <param name="code">A word for programs, or null.</param>
internal sealed class ApiException(int status, string message, string? field = null, string? code = null)
    : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Status => status;

    /// <summary>A word for programs, or null.</summary>
    public string? Code => code;

    /// <summary>What a client is told of a fault of this program.</summary>
    public static ApiException OfServer() => new(500, "something went wrong here; the server's log has it.");

    /// <summary>The body.</summary>
    public JsonObject ToJson() => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = Message,
            ["type"] = status switch
            {
                429 => "rate_limit_error",
                >= 500 => "server_error",
                _ => "invalid_request_error",
            },
            ["param"] = field,
            ["code"] = code,
        },
    };
}
