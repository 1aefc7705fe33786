using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// The entry of a <see cref="TokenCountingTransformer"/> in ML.NET's model file: ML.NET's header and a stream
/// <c>Counter.json</c> with columns, where the base lay, by which rules its texts become tokens, and a hash of its
/// tokens.
/// </summary>
internal static class TokenCounterFormat
{
    public const string LoaderSignature = "TokenCounting";

    /// <summary>Name of the stream.</summary>
    public const string Stream = "Counter.json";

    /// <summary>Bytes: far above any description.</summary>
    public const long LongestDescription = 1 << 20;

    private static readonly ModelEntryHeader Header =
        new("TOKENCNT", LoaderSignature, 0x00010001, 0x00010001, 0x00010001);

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Writes a counter.</summary>
    public static void Write(ModelSaveContext context, TokenCounter counter)
    {
        MlNetInternals.WriteHeader(context, Header);
        string path = counter.BaseModel.Path;
        var saved = new Saved(counter.OutputColumn, counter.InputColumn, BaseLocator.NameOf(path), path,
            counter.BaseModel.Rules, counter.Tokenizer.Hash());
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(saved, Json);
        MlNetInternals.WriteStream(context, Stream, stream => stream.Write(bytes));
    }

    /// <summary>Reads a counter and the base's tokenizer.</summary>
    /// <exception cref="FormatException">The entry is broken.</exception>
    /// <exception cref="NotSupportedException">A newer version wrote it.</exception>
    /// <exception cref="FileNotFoundException">The tokenizer is at none of the places looked at.</exception>
    public static TokenCounter Read(ModelLoadContext context)
    {
        MlNetInternals.ReadHeader(context, Header);
        string place = MlNetInternals.GetPlace(context);
        byte[] bytes = PrefixModelFormat.ReadStream(context, Stream, place, LongestDescription);
        return Open(Read(bytes, $"Model entry '{place}', {Stream}"));
    }

    /// <summary>The base whose tokenizer a counter needs.</summary>
    /// <param name="description">The stream.</param>
    /// <param name="place">The stream's place, for messages.</param>
    /// <exception cref="FormatException">It is not what <see cref="Write"/> writes.</exception>
    public static NeededBase BaseOf(byte[] description, string place) => Read(description, place).ToNeeded();

    private static Saved Read(byte[] description, string place)
    {
        Saved saved = Parse(description, place);
        That(saved.OutputColumn.Length > 0, "outputColumn", "a name", "an empty text");
        That(saved.InputColumn.Length > 0, "inputColumn", "a name", "an empty text");
        That(saved.Path.Length > 0, "path", "a path", "an empty text");
        That(SavedModelCheck.IsInnerPath(saved.Base), "base", "a plain name, or several with '/' between",
            FileText.Quote(saved.Base));
        That(saved.TextRules.Version is >= 1 and <= TextRules.LatestVersion, "textRules.version",
            $"1 to {TextRules.LatestVersion}", $"{saved.TextRules.Version}");
        return saved;

        void That(bool isGood, string key, string expected, string found)
        {
            if (!isGood)
                throw new FormatException($"{place}, {key}: expected {expected}, found {found}.");
        }
    }

    private static Saved Parse(byte[] description, string place)
    {
        try
        {
            return JsonSerializer.Deserialize<Saved>(description, Json) ?? throw new JsonException("found null");
        }
        catch (Exception fault) when (fault is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new FormatException($"{place}: expected the description of a token counter, "
                + $"found something else: {fault.Message}", fault);
        }
    }

    private static TokenCounter Open(Saved saved)
    {
        var looked = new List<string>();
        IEnumerable<string> places = BaseLocator.Places(saved.ToNeeded());
        foreach (string path in places.Distinct())
        {
            string found = "nothing is there";
            try
            {
                if (File.Exists(path) || Directory.Exists(path))
                {
                    BaseModel baseModel = BaseModel.FromFolder(path) with { Rules = saved.TextRules };
                    TokenCounter counter = TokenCounter.Open(saved.OutputColumn, saved.InputColumn, baseModel);
                    if (counter.Tokenizer.Hash() == saved.Tokens)
                        return counter;
                    found = "its tokens are others";
                }
            }
            // Whatever is wrong with one place, the tokenizer may lie at the next.
            catch (Exception fault) when (fault is InvalidOperationException or FormatException or NotSupportedException
                or IOException or UnauthorizedAccessException)
            {
                found = fault.Message;
            }
            looked.Add($"{FileText.Quote(path)}: {found}");
        }
        throw new FileNotFoundException($"The saved token counter needs the tokenizer of {FileText.Quote(saved.Base)}, "
            + $"which was not found. Looked for: {string.Join("; ", looked)}. {BaseLocator.Remedy}", saved.Path);
    }

    private sealed record Saved(
        string OutputColumn, string InputColumn, string Base, string Path, TextRules TextRules, string Tokens)
    {
        public NeededBase ToNeeded() => new(Base, Path, Weights: null);
    }
}
