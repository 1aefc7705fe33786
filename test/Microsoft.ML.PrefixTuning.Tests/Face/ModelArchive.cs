using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A saved model as the zip archive that it is.</summary>
internal static class ModelArchive
{
    /// <summary>Gives a stream of the only prefix-tuning transformer, or of the only entry, another content.</summary>
    /// <param name="file">The saved model.</param>
    /// <param name="stream">The stream's name.</param>
    /// <param name="change">From the old content to the new one; null takes the stream away.</param>
    public static void Rewrite(string file, string stream, Func<byte[], byte[]?> change)
    {
        using ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Update);
        string? description =
            archive.Entries.SingleOrDefault(entry => entry.Name == PrefixModelFormat.DescriptionStream)?.FullName;
        string name = description is null ? archive.Entries.Single(entry => entry.Name == stream).FullName
            : description[..^PrefixModelFormat.DescriptionStream.Length] + stream;
        ZipArchiveEntry old = archive.GetEntry(name)!;
        using var content = new MemoryStream();
        using (Stream read = old.Open())
            read.CopyTo(content);
        old.Delete();
        if (change(content.ToArray()) is not { } changed)
            return;
        using Stream written = archive.CreateEntry(name).Open();
        written.Write(changed);
    }

    /// <summary>Changes what a model says of its base.</summary>
    /// <param name="file">The saved model.</param>
    /// <param name="changes">Keys and their values.</param>
    public static void ChangeBase(string file, params (string Key, string? Value)[] changes) =>
        Rewrite(file, PrefixModelFormat.DescriptionStream, json =>
        {
            JsonNode root = JsonNode.Parse(json)!;
            foreach ((string key, string? value) in changes)
                root["base"]![key] = value;
            return Encoding.UTF8.GetBytes(root.ToJsonString());
        });

    /// <summary>Makes a model one of the time when rules of texts were not recorded.</summary>
    /// <param name="file">The saved model.</param>
    public static void ForgetRules(string file) => Rewrite(file, PrefixModelFormat.DescriptionStream, json =>
    {
        JsonNode root = JsonNode.Parse(json)!;
        Assert.IsTrue(root.AsObject().Remove("textRules"));
        return Encoding.UTF8.GetBytes(root.ToJsonString());
    });
}
