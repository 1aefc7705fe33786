using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

[TestClass]
[TestCategory("Quick")]
public sealed class TrainingStateFileTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("training-state-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void Read_OfWhatWasWritten_GivesItBack()
    {
        TrainingStateFile file = Written("state");
        StateContent found = file.Read()!;
        Assert.AreEqual("""{"a":1}""", found.Json);
        CollectionAssert.AreEqual(new[] { 1f, 2f, 3f, -4f }, found.Tensors["x"].Values);
        CollectionAssert.AreEqual(new long[] { 2, 2 }, found.Tensors["x"].Shape);
    }

    [TestMethod]
    public void Read_WhereNothingIs_GivesNothing() =>
        Assert.IsNull(new TrainingStateFile(Path.Combine(_folder, "none")).Read());

    [TestMethod]
    [DataRow("number")]
    [DataRow("text")]
    [DataRow("cut")]
    public void Read_OfAnAlteredFile_IsRefused(string what)
    {
        TrainingStateFile file = Written("state");
        byte[] bytes = File.ReadAllBytes(file.Path);
        if (what == "number")
            bytes[^1] ^= 1;
        else if (what == "text")
            bytes[bytes.AsSpan().IndexOf("\\\"a\\\":1"u8) + 6] = (byte)'2';
        File.WriteAllBytes(file.Path, what == "cut" ? bytes[..^1] : bytes);
        var fault = Assert.ThrowsExactly<FormatException>(() => file.Read());
        Assert.StartsWith(what == "cut"
            ? $"'{file.Path}': expected the state of a training, or no file, found another one"
            : "state: ", fault.Message);
    }

    [TestMethod]
    public void Train_IntoAFolderThatIsNotThere_FailsBeforeTheFirstPass()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model) with
        {
            State = new TrainingStateFile(Path.Combine(_folder, "missing", "state")),
            CheckAlive = () => Assert.Fail("training has begun"),
        };
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => Trained.By(run, direct));
    }

    [TestMethod]
    public void Train_ResumedFromAFile_EqualsUninterrupted()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues whole = TinyTraining.Direct(model), half = TinyTraining.Direct(model),
            rest = TinyTraining.Direct(model);
        Trained expected = Trained.By(TinyTraining.Run(model), whole);
        var state = new TrainingStateFile(Path.Combine(_folder, "state"));
        TrainingRun stopped = TinyTraining.Run(model) with
        {
            State = state,
            Progress = progress =>
            {
                if (progress.Step == 6)
                    throw new OperationCanceledException();
            },
        };
        Assert.ThrowsExactly<OperationCanceledException>(() => Trained.By(stopped, half));
        Trained found = Trained.By(TinyTraining.Run(model) with { State = state }, rest);
        CollectionAssert.AreEqual(TinyTraining.Values(expected.Best), TinyTraining.Values(found.Best));
    }

    [TestMethod]
    public void Read_OfASavedModel_SaysSo()
    {
        string path = Path.Combine(_folder, "model.zip");
        using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create))
            archive.CreateEntry("TransformerChain/Model.key");
        Assert.AreEqual($"'{path}': expected the state of a training, or no file, found another one, which is"
            + " untouched: a saved model.",
            Assert.ThrowsExactly<FormatException>(() => new TrainingStateFile(path).Read()).Message);
    }

    private TrainingStateFile Written(string name)
    {
        var file = new TrainingStateFile(Path.Combine(_folder, name));
        file.Write(new StateContent("""{"a":1}""", new Dictionary<string, StateTensor>
        { ["x"] = new([2, 2], [1, 2, 3, -4]) }));
        return file;
    }
}
