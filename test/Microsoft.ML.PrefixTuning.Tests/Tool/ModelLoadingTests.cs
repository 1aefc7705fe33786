using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Saved chains whose other steps are not of this tool.</summary>
[TestClass]
public sealed class ModelLoadingTests
{
    [TestMethod]
    [DataRow("Microsoft.ML.Data", "Microsoft.ML.Dada")]
    public void Run_OfAChainWithAnotherAssemblysStep_NamesIt(string assembly, string absent)
    {
        using var folder = new ToolFolder();
        var context = new MLContext(seed: 1);
        IDataView rows = context.Data.LoadFromEnumerable(TinyBase.Rows(2));
        using (var chain = context.Transforms.CopyColumns("Source", "Input")
            .Append(context.Transforms.Text.GenerateText("Output", "Source", TinyBase.Llama)).Fit(rows))
            context.Model.SaveAtomically(chain, rows.Schema, folder["chain.zip"]);
        Rename(folder["chain.zip"], assembly, absent);
        ToolRun run = ToolFolder.Run("generate", folder.WriteRows("rows.tsv"), "--model", folder["chain.zip"]);
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.AreEqual(
            $"prefix-tune: chain.zip: a step of the model needs the assembly '{absent}', which this tool does "
            + "not have: use the model in an application that references it.\n", run.Error);
    }

    [TestMethod]
    [DataRow(10)]
    [DataRow(0)]
    [DataRow(null)]
    public void Run_OfAModelThatMlNetFindsBroken_NamesTheFile(int? kept)
    {
        using var folder = new ToolFolder();
        string model = folder.Train();
        using (ZipArchive archive = ZipFile.Open(model, ZipArchiveMode.Update))
        {
            ZipArchiveEntry key = archive.Entries.Single(entry => entry.Name == "Model.key");
            if (kept is { } bytes)
            {
                using Stream stream = key.Open();
                stream.SetLength(bytes);
            }
            else
            {
                key.Delete();
            }
        }
        ToolRun run = ToolFolder.Run("generate", folder["rows.tsv"], "--model", model);
        Assert.AreEqual(ExitCode.Failed, run.Code);
        Assert.StartsWith("prefix-tune: model.zip: expected a saved model, found a broken one: ", run.Error);
    }

    // In the headers of all entries but those of this library.
    private static void Rename(string file, string assembly, string absent)
    {
        using ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Update);
        foreach (ZipArchiveEntry entry in archive.Entries.Where(entry => entry.Name == "Model.key").ToArray())
        {
            using Stream stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            byte[] bytes = content.ToArray();
            foreach (Encoding encoding in (Encoding[])[Encoding.Unicode, Encoding.UTF8])
            {
                int place = bytes.AsSpan().IndexOf(encoding.GetBytes(assembly + ","));
                if (place >= 0)
                    encoding.GetBytes(absent).CopyTo(bytes, place);
            }
            stream.Position = 0;
            stream.Write(bytes);
        }
    }
}
