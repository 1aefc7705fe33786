using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>
/// A prefix as a safetensors file: a float32 tensor [N, 2, G, P, D] a site (<c>encoder</c>, <c>decoder</c>,
/// <c>cross</c>), of a memory outside of the softmax [N, 1, H, D, D], and as metadata the convention by which tokens
/// stand behind it, the base that it was made for, and the rules by which the texts of its training became tokens.
/// </summary>
internal static class PrefixFile
{
    // *** Version 2: memories outside of the softmax. All else is written as the first version has it.
    private const int Version = 2, FirstVersion = 1;
    private const string Kind = "prefix-tuning.prefix";
    private const string KindKey = "kind", VersionKey = "version", PlacementKey = "placement",
        PositionsKey = "takes_positions", WindowKey = "counts_in_window", BeginKey = "holds_begin_token",
        BaseKey = "base", RulesKey = "text_rules";

    // Files that name no base come from the version of the library that knew the first rules alone.
    private const string FirstRules = "1";

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <inheritdoc cref="AtomicFile.Write(string, Action{Stream})"/>
    public static void Save(Prefix prefix, string path) => AtomicFile.Write(path, stream => Write(prefix, stream));

    /// <summary>Reads a file.</summary>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">It is broken or no prefix.</exception>
    /// <exception cref="NotSupportedException">It is of a newer version.</exception>
    public static Prefix Load(string path)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
            throw new FileNotFoundException(
                $"{name}: expected a prefix file in '{Path.GetDirectoryName(Path.GetFullPath(path))}', found "
                    + $"{FileHint.WithoutFile(path)}.", path);
        RefuseModel(path);
        // A large file of another kind is refused before it is read.
        using (SafeTensorsFile file = SafeTensorsFile.Open(path))
        {
            RefuseAdapter(path, file.Metadata);
            Convention(file.Metadata, name);
        }
        return FromBytes(File.ReadAllBytes(path), name);
    }

    /// <summary>The bytes of a file.</summary>
    public static byte[] ToBytes(Prefix prefix)
    {
        using var stream = new MemoryStream();
        Write(prefix, stream);
        return stream.ToArray();
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="bytes">All of them.</param>
    /// <param name="name">Name for messages.</param>
    /// <exception cref="FormatException">They are broken or no prefix.</exception>
    /// <exception cref="NotSupportedException">They are of a newer version.</exception>
    public static Prefix FromBytes(ReadOnlySpan<byte> bytes, string name)
    {
        ReadOnlySpan<byte> start = bytes[..Math.Min(bytes.Length, SafeTensorsHeader.LengthBytes)];
        int length = SafeTensorsHeader.ReadLength(start, bytes.Length, name);
        SafeTensorsHeader header =
            SafeTensorsHeader.Parse(bytes.Slice(SafeTensorsHeader.LengthBytes, length), bytes.Length, name);
        PrefixConvention convention = Convention(header.Metadata, name);
        var sites = new Dictionary<AttentionSite, SitePrefix>();
        foreach (SafeTensorsEntry entry in header.Entries.Values)
            sites.Add(Site(entry.Info), Read(entry, convention, bytes[(int)header.DataBegin..]));
        if (sites.Count == 0)
            throw new FormatException($"{name}: expected a tensor encoder, decoder or cross, found none.");
        var prefix = new Prefix(sites, convention);
        BaseIdentity? identity = Base(header.Metadata, name);
        return prefix.MadeFor(identity,
            header.Metadata.GetValueOrDefault(RulesKey) ?? (identity is null ? FirstRules : null));
    }

    private static void Write(Prefix prefix, Stream stream)
    {
        PrefixConvention convention = prefix.Convention;
        var metadata = new Dictionary<string, string>
        {
            [KindKey] = Kind,
            [VersionKey] = (prefix.IsMemory ? Version : FirstVersion).ToString(CultureInfo.InvariantCulture),
            [PlacementKey] = convention.Placement.ToString(),
            [PositionsKey] = convention.TakesPositions.ToString(),
            [WindowKey] = convention.CountsInWindow.ToString(),
            [BeginKey] = convention.HoldsBeginToken.ToString(),
        };
        if (prefix.Base is { } identity)
            metadata.Add(BaseKey, identity.Values.ToString());
        // The first rules of a prefix that names no base are what a file without them means.
        if (prefix.Rules is { } rules && (prefix.Base is not null || rules != FirstRules))
            metadata.Add(RulesKey, rules);
        SafeTensorsWriter.Write(stream,
            prefix.Parts.Select(part => SafeTensorsContent.Of(NameOf(part.Key), part.Value.Shape, part.Value.Values)),
            metadata);
    }

    /// <summary>The base that the prefix was made for; null in files of former versions.</summary>
    private static BaseIdentity? Base(IReadOnlyDictionary<string, string> metadata, string name)
    {
        if (!metadata.TryGetValue(BaseKey, out string? text))
            return null;
        try
        {
            return BaseIdentity.Read(NamedValues.Parse(text));
        }
        catch (FormatException fault)
        {
            throw new FormatException($"{name}: metadata '{BaseKey}': {fault.Message}.", fault);
        }
        catch (NotSupportedException fault)
        {
            throw new NotSupportedException($"{name}: metadata '{BaseKey}': {fault.Message}.", fault);
        }
    }

    // Python's weights have a message of their own.
    private static void RefuseModel(string path)
    {
        if (FileHint.IsSavedModel(path))
        {
            throw new FormatException($"{Path.GetFileName(path)}: expected a prefix file, found a saved model, which"
                + " holds its prefix beside other things: PrefixTuningTransformer.Prefix is it, and 'prefix-tune"
                + " convert' writes it.");
        }
    }

    private static void RefuseAdapter(string path, IReadOnlyDictionary<string, string> metadata)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!metadata.ContainsKey(KindKey) && File.Exists(Path.Combine(folder, PeftConfig.File)))
        {
            throw new FormatException($"{Path.GetFileName(path)}: expected a prefix file, found the weights of a PEFT "
                + $"adapter, which is read as a whole from its folder '{folder}'.");
        }
    }

    private static PrefixConvention Convention(IReadOnlyDictionary<string, string> metadata, string name)
    {
        if (metadata.GetValueOrDefault(KindKey) != Kind)
            throw new FormatException(
                $"{name}: metadata '{KindKey}': expected '{Kind}', found {Show(KindKey)}: it is no prefix file.");
        if (!int.TryParse(metadata.GetValueOrDefault(VersionKey), NumberStyles.None, CultureInfo.InvariantCulture,
            out int version) || version < 1)
            throw new FormatException(
                $"{name}: metadata '{VersionKey}': expected a number from 1, found {Show(VersionKey)}.");
        if (version > Version)
            throw new NotSupportedException(
                $"{name}: metadata '{VersionKey}': found {version}, the newest that is read here is {Version}.");
        PrefixPlacement placement = Enum.GetValues<PrefixPlacement>()
            .Where(one => one.ToString() == metadata.GetValueOrDefault(PlacementKey))
            .Cast<PrefixPlacement?>().FirstOrDefault()
                ?? throw Wrong(PlacementKey, string.Join(" or ", Enum.GetNames<PrefixPlacement>()));
        return new PrefixConvention(placement, Flag(PositionsKey),
            Flag(WindowKey))
        { HoldsBeginToken = Flag(BeginKey) };

        bool Flag(string key) => metadata.GetValueOrDefault(key) switch
        {
            "True" => true,
            "False" => false,
            _ => throw Wrong(key, "True or False"),
        };

        FormatException Wrong(string key, string expected) =>
            new($"{name}: metadata '{key}': expected {expected}, found {Show(key)}.");

        string Show(string key) => metadata.TryGetValue(key, out string? found) ? FileText.Quote(found) : "nothing";
    }

    private static AttentionSite Site(TensorInfo info)
    {
        foreach (AttentionSite site in Enum.GetValues<AttentionSite>())
        {
            if (NameOf(site) == info.Name)
                return site;
        }
        throw new FormatException(
            $"{info.File}: tensor {FileText.Quote(info.Name)}: expected encoder, decoder or cross.");
    }

    private static SitePrefix Read(SafeTensorsEntry entry, PrefixConvention convention, ReadOnlySpan<byte> data)
    {
        TensorInfo info = entry.Info;
        if (entry.Type.Tensor != ScalarType.Float32)
            throw new FormatException(
                $"{info.File}: tensor '{info.Name}': expected dtype F32, found {info.StoredType}.");
        bool isOfShape = info.Shape is [_, long halves, _, long length, long size]
            && info.Shape.All(axis => axis is > 0 and <= int.MaxValue)
            && (convention.IsMemory ? halves == 1 && length == size : halves == 2);
        if (!isOfShape)
        {
            string expected = convention.IsMemory ? "[layers, 1, heads, head size, head size]"
                : "[layers, 2, heads, length, head size]";
            throw new FormatException($"{info.File}: tensor '{info.Name}': expected shape {expected}, found"
                + $" [{string.Join(", ", info.Shape)}].");
        }
        float[] values = MemoryMarshal.Cast<byte, float>(data[(int)entry.Begin..(int)entry.End]).ToArray();
        if (values.Any(value => !float.IsFinite(value)))
            throw new FormatException(
                $"{info.File}: tensor '{info.Name}': expected finite values, found NaN or infinity (not finite).");
        return SitePrefix.Of([.. info.Shape], values);
    }

    private static string NameOf(AttentionSite site) => site.ToString().ToLowerInvariant();
}
