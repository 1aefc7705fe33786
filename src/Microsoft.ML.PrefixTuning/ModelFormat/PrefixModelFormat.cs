using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// The entry of a <c>PrefixTuningTransformer</c> in ML.NET's model file, written and read in one place.
/// </summary>
/// <remarks>
/// Layout (docs/model-file.md): ML.NET's header; stream <c>Description.json</c> (<see cref="SavedModel"/>); stream
/// <c>Prefix.safetensors</c> where there is a prefix of all rows or of unknown attributes; streams
/// <c>Prefix.0.safetensors</c>, <c>Prefix.1.safetensors</c>, ... of attribute values; streams <c>Base.0</c>,
/// <c>Base.1</c>, ... where the base is carried.
/// </remarks>
internal static class PrefixModelFormat
{
    public const string LoaderSignature = "PrefixTuning";

    /// <summary>Name of the stream with the <see cref="SavedModel"/>.</summary>
    public const string DescriptionStream = "Description.json";

    private const string PrefixStream = "Prefix.safetensors";

    /// <summary>Bytes: far above any description; keeps a lying archive from being read into memory.</summary>
    public const long LongestDescription = 64L << 20;

    /// <summary>Writes a transformer.</summary>
    /// <param name="context">Where to.</param>
    /// <param name="content">What it is made of.</param>
    /// <param name="frozen">Its base; the caller keeps it alive meanwhile.</param>
    public static void Write(ModelSaveContext context, SavedContent content, FrozenBase frozen)
    {
        TextSettings settings = content.Settings;
        MlNetInternals.WriteHeader(context, Header(FormatVersion.ReadableFrom(settings)));
        byte[]? prefix = content.Prefixes.ForOthers is { } otherwise ? PrefixFile.ToBytes(otherwise) : null;
        (string Value, byte[] Content)[] ofAttributes =
            content.Prefixes.ByValue.Select(pair => (pair.Key, PrefixFile.ToBytes(pair.Value))).ToArray();
        EmbeddedBase? embedded = settings.EmbedBase ? EmbeddedBase.Of(frozen) : null;
        var saved = new SavedModel
        {
            OutputColumn = settings.OutputColumn,
            InputColumn = settings.InputColumn,
            AttributeColumn = settings.AttributeColumn,
            Template = settings.Template,
            Precision = settings.Precision,
            Products = settings.Products,
            Generation = settings.Generation,
            Base = new SavedBase
            {
                Name = frozen.Origin.Name,
                Path = frozen.Origin.Path,
                Identity = frozen.Identity,
                Files = embedded?.Manifest,
            },
            PrefixBytes = prefix?.LongLength,
            AttributePrefixes = settings.AttributeColumn is null ? null
                : Array.ConvertAll(ofAttributes, one => new SavedAttribute(one.Value, one.Content.LongLength)),
            Training = content.Training,
            TextRules = frozen.Rules,
        };
        MlNetInternals.WriteStream(context, DescriptionStream, stream => stream.Write(saved.ToBytes()));
        if (prefix is not null)
            MlNetInternals.WriteStream(context, PrefixStream, stream => stream.Write(prefix));
        for (int i = 0; i < ofAttributes.Length; i++)
        {
            byte[] bytes = ofAttributes[i].Content;
            MlNetInternals.WriteStream(context, AttributeStream(i), stream => stream.Write(bytes));
        }
        embedded?.Write((name, write) => MlNetInternals.WriteStream(context, name, write));
    }

    /// <summary>Reads a transformer and loads its base; the share of it is the caller's.</summary>
    /// <exception cref="FormatException">The entry is broken.</exception>
    /// <exception cref="NotSupportedException">A newer version wrote it.</exception>
    /// <exception cref="FileNotFoundException">The base is at none of the places looked at.</exception>
    /// <exception cref="InvalidOperationException">
    /// What is there is another base, a broken one or part of one.
    /// </exception>
    public static (BaseLease Lease, SavedContent Content) Read(IHost host, ModelLoadContext context)
    {
        MlNetInternals.ReadHeader(context, Header(FormatVersion.Oldest));
        string place = MlNetInternals.GetPlace(context);
        byte[] json = ReadStream(context, DescriptionStream, place, LongestDescription);
        SavedModel saved = SavedModel.FromBytes(json, $"Model entry '{place}', {DescriptionStream}");
        PrefixesByValue prefixes = ReadPrefixes(saved, (stream, bytes) => ReadPrefix(context, place, stream, bytes));
        CheckNamed(saved, stream => FindStream(context, stream, place) is not null, $"Model entry '{place}'");
        Device device = DeviceChoice.Choose(host, null);
        BaseForm form = BaseLoader.Form(saved.Settings().Used);
        BaseLease lease = Cancelling.By(BaseLoader.CheckOf(host), () => saved.Base.Files is { } files
            ? BaseLocator.Check(saved.Base, EmbeddedBase.Acquire(
                name => FindStream(context, name, place), files, new BaseOrigin(saved.Base.Name, saved.Base.Path),
                MlNetInternals.GetTempFilePath(host), form, device))
            : BaseLocator.Find(saved.Base, path => FrozenBase.Acquire(path, form, device)));
        lease = lease.By(saved.TextRules ?? TextRules.First);
        try
        {
            BaseLoader.WarnOfFormerRules(host, lease.Base, $"Model entry '{place}'");
            return (lease, new SavedContent(saved.Settings(), prefixes, saved.Training));
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The prefixes of an entry: that of all rows, or those of attribute values in the entry's order.
    /// </summary>
    /// <param name="saved">The entry's description.</param>
    /// <param name="read">Reads the prefix in the stream of a name and a size in bytes.</param>
    public static PrefixesByValue ReadPrefixes(SavedModel saved, Func<string, long, Prefix> read)
    {
        string rules = (saved.TextRules ?? TextRules.First).ToText();
        Prefix? otherwise = saved.PrefixBytes is long bytes ? Read(PrefixStream, bytes) : null;
        if (saved.AttributePrefixes is not { } ofAttributes)
            return PrefixesByValue.ForAll(otherwise);
        var byValue = new Dictionary<string, Prefix>(StringComparer.Ordinal);
        foreach (SavedAttribute attribute in ofAttributes)
            byValue.Add(attribute.Value, Read(AttributeStream(byValue.Count), attribute.Bytes));
        return new PrefixesByValue(byValue, otherwise);

        Prefix Read(string stream, long length)
        {
            Prefix prefix = read(stream, length);
            return prefix.MadeFor(prefix.Base, rules);
        }
    }

    /// <summary>Refuses prefixes that the description does not name: texts would be written without them.</summary>
    /// <param name="saved">The entry's description.</param>
    /// <param name="holds">Whether the entry has a stream of a name.</param>
    /// <param name="place">The entry, for messages.</param>
    /// <exception cref="FormatException">There is one.</exception>
    public static void CheckNamed(SavedModel saved, Predicate<string> holds, string place)
    {
        if (saved.PrefixBytes is null && holds(PrefixStream))
            throw Unnamed(PrefixStream);
        string next = AttributeStream(saved.AttributePrefixes?.Count ?? 0);
        if (holds(next))
            throw Unnamed(next);

        FormatException Unnamed(string stream) => new(
            $"{place}: expected prefixes that {DescriptionStream} names alone, found '{stream}', which it does not.");
    }

    private static Prefix ReadPrefix(ModelLoadContext context, string place, string stream, long bytes)
    {
        byte[] content = ReadStream(context, stream, place, bytes);
        if (content.LongLength != bytes)
            throw new FormatException(
                $"Model entry '{place}', {stream}: expected {bytes} bytes, found {content.LongLength}.");
        return PrefixFile.FromBytes(content, $"Model entry '{place}', {stream}");
    }

    private static ModelEntryHeader Header(uint readableFrom) =>
        new("PREFIXTN", LoaderSignature, FormatVersion.Present, readableFrom, FormatVersion.Oldest);

    private static string AttributeStream(int index) => $"Prefix.{index}.safetensors";

    /// <summary>Reads a stream of an entry.</summary>
    /// <exception cref="FormatException">There is none, or it is longer than allowed.</exception>
    public static byte[] ReadStream(ModelLoadContext context, string name, string place, long most) =>
        FindStream(context, name, place)?.ReadBytes(most)
        ?? throw new FormatException($"Model entry '{place}': expected a stream '{name}', found none.");

    private static ArchiveStream? FindStream(ModelLoadContext context, string name, string place) =>
        MlNetInternals.FindStream(context, name) is { } entry
            ? new ArchiveStream(entry, $"Model entry '{place}', {name}") : null;
}

/// <summary>What a transformer is made of beside its base.</summary>
/// <param name="Settings">Columns, template and decoding.</param>
/// <param name="Prefixes">Which prefix a row carries.</param>
/// <param name="Training">How it was trained; null where it was not.</param>
internal sealed record SavedContent(TextSettings Settings, PrefixesByValue Prefixes, TrainingSummary? Training);
