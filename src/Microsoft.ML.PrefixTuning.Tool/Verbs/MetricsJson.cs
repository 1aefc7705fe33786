using System.Collections.Generic;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Measures as JSON, with all digits; those that were left out are missing.</summary>
internal static class MetricsJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { LeaveOut } },
    };

    /// <summary>Writes them.</summary>
    public static string Write(TextGenerationMetrics metrics) => JsonSerializer.Serialize(metrics, Options);

    private static void LeaveOut(JsonTypeInfo type)
    {
        foreach (JsonPropertyInfo property in type.Properties)
            property.ShouldSerialize = (_, value) => IsMeasured(value);
    }

    private static bool IsMeasured(object? value) => value switch
    {
        double figure => !double.IsNaN(figure),
        IReadOnlyCollection<double> figures => figures.Count > 0,
        RougeScore score => !double.IsNaN(score.F),
        E2EMetrics metrics => !double.IsNaN(metrics.Bleu),
        WebNlgMetrics metrics => !double.IsNaN(metrics.Bleu),
        _ => true,
    };
}
