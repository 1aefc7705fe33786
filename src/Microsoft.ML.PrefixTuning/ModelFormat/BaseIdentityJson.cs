using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>An identity as an object of texts, one for each name.</summary>
internal sealed class BaseIdentityJson : JsonConverter<IBaseIdentity>
{
    public override IBaseIdentity Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException("base.identity: expected an object of texts");
        var values = new List<NamedValue>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new JsonException($"base.identity: '{name}': expected a text, found {reader.TokenType}");
            values.Add(NamedValue.Named(name, reader.GetString()!));
        }
        try
        {
            return BaseIdentity.Read(new NamedValues(values));
        }
        catch (Exception fault) when (fault is FormatException or NotSupportedException)
        {
            throw new JsonException($"base.identity: {fault.Message}", fault);
        }
    }

    public override void Write(Utf8JsonWriter writer, IBaseIdentity value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        // An identity of a former format is never written: the base's own one takes its place.
        foreach ((string name, string text) in ((BaseIdentity)value).Values)
            writer.WriteString(name, text);
        writer.WriteEndObject();
    }
}
