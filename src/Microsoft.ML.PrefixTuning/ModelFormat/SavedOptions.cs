using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// Records of options in a saved model: the records themselves, every member under its own name. A member of a record
/// is saved because it is one; nothing is listed here but the kinds of a decoding.
/// </summary>
internal static class SavedOptions
{
    /// <summary>How a description is written and read.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters =
        {
            new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false),
            new BaseIdentityJson(),
        },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { NameKinds, RequireMembers } },
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        MaxDepth = 16,
    };

    private static void NameKinds(JsonTypeInfo type)
    {
        if (type.Type != typeof(Decoding))
            return;
        type.PolymorphismOptions = new JsonPolymorphismOptions
        {
            TypeDiscriminatorPropertyName = "kind",
            DerivedTypes =
            {
                new JsonDerivedType(typeof(GreedyDecoding), "greedy"),
                new JsonDerivedType(typeof(BeamDecoding), "beam"),
                new JsonDerivedType(typeof(SamplingDecoding), "sampling"),
            },
        };
    }

    // A file says all that its version knows: a member that is missing was taken away.
    private static void RequireMembers(JsonTypeInfo type)
    {
        if (type.Type != typeof(GenerationOptions) && !type.Type.IsSubclassOf(typeof(Decoding)))
            return;
        foreach (JsonPropertyInfo member in type.Properties)
        {
            string name = ((MemberInfo)member.AttributeProvider!).Name;
            member.IsRequired = !FormatVersion.MayLack(type.Type, name);
        }
    }
}
