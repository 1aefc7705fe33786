using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Nothing that the library writes lands on a file of a base that is open.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class OpenBaseTests
{
    private static readonly MLContext Context = new(seed: 1);

    private readonly TemporaryFolder _base = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));

    [TestCleanup]
    public void RemoveFolder() => _base.Dispose();

    public delegate void Writer(PrefixTuningTransformer model, string path);

    public static IEnumerable<object[]> Writers =>
    [
        ["Prefix.Save", (Writer)((model, path) => model.Prefix!.Save(path))],
        ["SaveAtomically", (Writer)((model, path) => Context.Model.SaveAtomically(model, null, path))],
        ["WriteReport", (Writer)((model, path) => model.TrainingSummary!.WriteReport(path))],
    ];

    [TestMethod]
    [DynamicData(nameof(Writers))]
    public void Write_OntoAFileOfAnOpenBase_IsRefused(string writer, Writer write)
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context, baseModel: BaseModel.FromFolder(_base.Path));
        foreach (string file in (string[])["model.safetensors", "tokenizer.json"])
        {
            byte[] before = File.ReadAllBytes(_base[file]);
            var refused = Assert.ThrowsExactly<InvalidOperationException>(() => write(model, _base[file]), writer);
            StringAssert.Contains(refused.Message, $"'{file}' of the base model '{_base.Path}'");
            CollectionAssert.AreEqual(before, File.ReadAllBytes(_base[file]));
        }
        write(model, _base["other"]);
        model.Dispose();
        AtomicFile.CheckWritable(_base["tokenizer.json"]);
    }

    [TestMethod]
    public void Save_OntoAFileOfTheBaseOfACounter_IsRefusedAsLongAsItIsUsed()
    {
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(1));
        ITransformer counter = Context.Transforms.Text.CountTokens("Tokens", "Input", BaseModel.FromFolder(_base.Path))
            .Fit(rows);
        foreach (string file in (string[])["tokenizer.json", "config.json"])
        {
            byte[] before = File.ReadAllBytes(_base[file]);
            Assert.ThrowsExactly<InvalidOperationException>(
                () => Context.Model.SaveAtomically(counter, rows.Schema, _base[file]));
            CollectionAssert.AreEqual(before, File.ReadAllBytes(_base[file]));
        }
        GC.KeepAlive(counter);
    }

    [TestMethod]
    public void SaveAsPeft_OntoAFileOfAnOpenBase_IsRefused()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context, baseModel: BaseModel.FromFolder(_base.Path));
        // A base in one file whose name is that of the adapter's.
        string folder = Directory.CreateDirectory(_base["adapter"]).FullName;
        File.CreateSymbolicLink(Path.Combine(folder, "adapter_model.safetensors"), _base["model.safetensors"]);
        var refused = Assert.ThrowsExactly<InvalidOperationException>(
            () => model.Prefix!.SaveAsPeft(folder, BaseModel.FromFolder(_base.Path)));
        StringAssert.Contains(refused.Message, "'model.safetensors' of the base model");
        Assert.HasCount(1, Directory.GetFiles(folder));
    }

    [TestMethod]
    public void Fit_WithAStateFileOfTheBase_IsRefusedBeforeTheFirstStep()
    {
        int steps = 0;
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { StateFile = _base["model.safetensors"], Progress = _ => steps++ },
        };
        var refused = Assert.ThrowsExactly<InvalidOperationException>(
            () => TinyBase.Fit(Context, options, baseModel: BaseModel.FromFolder(_base.Path)));
        StringAssert.Contains(refused.Message, "'model.safetensors' of the base model");
        Assert.AreEqual(0, steps);
    }

    [TestMethod]
    [DataRow("model.zip")]
    [DataRow("prefix.safetensors")]
    [DataRow("rows.tsv")]
    [DataRow("empty")]
    public void Fit_WithAStateFileThatIsNone_IsRefusedAndLeavesIt(string file)
    {
        using (PrefixTuningTransformer model = TinyBase.Fit(Context))
        {
            Context.Model.SaveAtomically(model, null, _base["model.zip"]);
            model.Prefix!.Save(_base["prefix.safetensors"]);
        }
        File.WriteAllText(_base["rows.tsv"], "Input\tLabel\na\tb\n");
        File.WriteAllText(_base["empty"], "");
        byte[] before = File.ReadAllBytes(_base[file]);
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { StateFile = _base[file] },
        };
        var refused = Assert.ThrowsExactly<FormatException>(() => TinyBase.Fit(Context, options));
        StringAssert.Contains(refused.Message, $"'{_base[file]}': expected the state of a training");
        CollectionAssert.AreEqual(before, File.ReadAllBytes(_base[file]));
    }
}
