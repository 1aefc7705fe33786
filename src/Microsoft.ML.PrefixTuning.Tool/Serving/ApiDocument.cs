using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>What the OpenAPI document says beyond the routes: the fields of requests, from their own table.</summary>
internal static class ApiDocument
{
    /// <summary>Path of texts.</summary>
    public const string Completions = "/v1/completions";

    /// <summary>Path of chats.</summary>
    public const string Chats = "/v1/chat/completions";

    /// <summary>Adds it.</summary>
    public static void Describe(OpenApiOptions options) => options.AddDocumentTransformer(Transform);

    private static Task Transform(OpenApiDocument document, OpenApiDocumentTransformerContext context,
        CancellationToken cancellation)
    {
        document.Info = new OpenApiInfo
        {
            Title = "prefix-tune serve",
            Version = "v1",
            Description = "Texts of one base with any of its prefixes, as OpenAI's clients ask for them.",
        };
        foreach ((string path, bool isChat) in (IEnumerable<(string, bool)>)[(Completions, false), (Chats, true)])
        {
            if (document.Paths.TryGetValue(path, out IOpenApiPathItem? item)
                && item.Operations?.GetValueOrDefault(HttpMethod.Post) is { } operation)
                operation.RequestBody = Body(isChat);
        }
        return Task.CompletedTask;
    }

    private static OpenApiRequestBody Body(bool isChat) => new()
    {
        Required = true,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["application/json"] = new()
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Required = new HashSet<string> { "model", isChat ? "messages" : "prompt" },
                    AdditionalPropertiesAllowed = false,
                    Properties = RequestFields.Of(isChat).ToDictionary(field => field.Name, Schema),
                },
            },
        },
    };

    private static IOpenApiSchema Schema(RequestField field)
    {
        var schema = new OpenApiSchema { Description = field.Description };
        schema.Type = field.Type switch
        {
            "string" => JsonSchemaType.String,
            "integer" => JsonSchemaType.Integer,
            "number" => JsonSchemaType.Number,
            "boolean" => JsonSchemaType.Boolean,
            "array" => JsonSchemaType.Array,
            "object" => JsonSchemaType.Object,
            _ => null,
        };
        if (schema.Type == JsonSchemaType.Array)
            schema.Items = new OpenApiSchema { Type = JsonSchemaType.Object };
        return schema;
    }
}
