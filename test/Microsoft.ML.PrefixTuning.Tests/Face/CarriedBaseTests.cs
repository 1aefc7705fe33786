using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Models that carry their base: where it lies while it is used, what is left, and what is refused.</summary>
[TestClass]
public sealed class CarriedBaseTests
{
    private const string Source = "name : Venue 3 | Type : pub | food : French";

    private static readonly MLContext Context = new(seed: 1);
    private static readonly TemporaryFolder s_models = new();
    private static string s_model = "";
    private static string s_text = "";

    private readonly TemporaryFolder _folder = new();

    [ClassInitialize]
    public static void SaveOnce(TestContext _)
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context, TinyBase.Quick with { EmbedBase = true });
        Context.Model.SaveAtomically(model, null, s_model = s_models["model.zip"]);
        s_text = Text(model);
    }

    [ClassCleanup]
    public static void RemoveModels() => s_models.Dispose();

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Load_AndEndWithoutDispose_LeavesNothing()
    {
        string text = ChildProcess.Run(FaceChild.LoadAndForget, s_model, Source, _folder.Path);
        Assert.AreEqual(s_text, text);
        Assert.IsEmpty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [TestMethod]
    public void Load_AfterAKilledProcess_DeletesWhatThatOneLeft()
    {
        using Process child = ChildProcess.Start(FaceChild.LoadAndWait, s_model, _folder.Path);
        Assert.AreEqual(ChildProcess.Ready, child.StandardOutput.ReadLine());
        string[] used = Directory.GetDirectories(_folder.Path);
        Assert.HasCount(1, used);
        var context = new MLContext(seed: 1) { TempFilePath = _folder.Path };
        using (var first = (PrefixTuningTransformer)context.Model.Load(s_model, out _))
            Assert.IsTrue(Directory.Exists(used[0]), "its process lives");
        child.Kill();
        child.WaitForExit();
        Assert.IsTrue(Directory.Exists(used[0]));
        using (var second = (PrefixTuningTransformer)context.Model.Load(s_model, out _))
        {
            Assert.IsFalse(Directory.Exists(used[0]), "nobody uses it");
            Assert.AreEqual(s_text, Text(second));
        }
        Assert.IsEmpty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [TestMethod]
    public void Save_OfALoadedModel_CarriesTheBaseOn()
    {
        string again = _folder["again.zip"];
        using (var loaded = (PrefixTuningTransformer)Context.Model.Load(s_model, out _))
            Context.Model.SaveAtomically(loaded, null, again);
        using var copy = (PrefixTuningTransformer)Context.Model.Load(again, out _);
        Assert.AreEqual(s_text, Text(copy));
        SavedFile[] Files(string path) => [.. SavedModelFile.Read(path)[0].Saved.Base.Files!];
        CollectionAssert.AreEqual(Files(s_model), Files(again));
        // Not the temporary folder that the base lay in.
        SavedBase first = SavedModelFile.Read(s_model)[0].Saved.Base, second = SavedModelFile.Read(again)[0].Saved.Base;
        Assert.AreEqual((first.Name, first.Path), (second.Name, second.Path));
        Assert.AreEqual(TinyBase.Folder("llama"), second.Path);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_Forgotten_GivesMemoryAndFilesBack()
    {
        WeakReference<FrozenBase> carried = LoadAndForget(out string folder);
        WeakReference<FrozenBase> alone = FitAndForget(_folder.CopyFrom(TinyBase.Folder("llama")).Path);
        // The first round runs the finalizers, the second one collects what they held.
        for (int round = 0; round < 2; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.IsFalse(carried.TryGetTarget(out _));
        Assert.IsFalse(alone.TryGetTarget(out _));
        Assert.IsFalse(Directory.Exists(folder));
        FilesInUse.Refuse(_folder["model.safetensors"]);
    }

    [TestMethod]
    [DataRow("Prefix.safetensors")]
    [DataRow("Base.1")]
    [DataRow("Description.json")]
    public void Load_OfAStreamThatGrows_IsRefusedBeforeItIsUnpacked(string stream)
    {
        string bomb = _folder["bomb.zip"];
        File.Copy(s_model, bomb);
        const int Bytes = 48 << 20;
        ModelArchive.Rewrite(bomb, stream, _ => new byte[Bytes]);
        ModelArchive.Rewrite(bomb, PrefixModelFormat.DescriptionStream,
            json => stream == PrefixModelFormat.DescriptionStream ? json : Declare(json, stream, Bytes));
        var context = new MLContext(seed: 1) { TempFilePath = _folder.Path };
        long before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.ThrowsExactly<FormatException>(() => context.Model.Load(bomb, out _));
        StringAssert.Contains(refused.Message, $"{stream}: expected at most 100 times the ");
        StringAssert.EndsWith(refused.Message, $" bytes that it takes in the archive, found {Bytes} bytes.");
        Assert.IsLessThan(Bytes / 2, GC.GetAllocatedBytesForCurrentThread() - before);
        CollectionAssert.AreEqual(new[] { bomb }, Directory.GetFileSystemEntries(_folder.Path));
        if (stream != "Base.1")
            Assert.ThrowsExactly<FormatException>(() => SavedModelFile.Read(bomb));
    }

    [TestMethod]
    [DataRow("../llama")]
    [DataRow("tiny/../../llama")]
    [DataRow("..")]
    [DataRow("tiny//model.gguf")]
    [DataRow("./tiny")]
    public void Load_OfABaseNameThatLeadsElsewhere_IsRefused(string name)
    {
        string file = WithBase(_folder["model.zip"], ("name", name));
        var refused = Assert.ThrowsExactly<FormatException>(() => Context.Model.Load(file, out _));
        StringAssert.Contains(refused.Message, "base.name: expected a plain name, or several with '/' between, found "
            + $"'{name}'");
    }

    [TestMethod]
    [DataRow(@"\\server\share\tiny")]
    [DataRow("//server/share/tiny")]
    [DataRow(@"\\?\UNC\server\share\tiny")]
    [DataRow(@"\??\UNC\server\share\tiny")]
    public void Load_OfABaseInTheNetwork_IsNotOpened(string path)
    {
        string file = WithBase(_folder["model.zip"], ("path", path), ("files", null));
        var refused = Assert.ThrowsExactly<FileNotFoundException>(() => Context.Model.Load(file, out _));
        StringAssert.Contains(refused.Message, $"'{path}': a place in the network, which is not opened because");
        StringAssert.Contains(refused.Message, BaseLocator.FolderSetting);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<FrozenBase> LoadAndForget(out string folder)
    {
        var model = (PrefixTuningTransformer)Context.Model.Load(s_model, out _);
        Assert.AreEqual(s_text, Text(model));
        folder = model.Session.Base.Path;
        return new WeakReference<FrozenBase>(model.Session.Base);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<FrozenBase> FitAndForget(string folder)
    {
        PrefixTuningTransformer model = TinyBase.Fit(Context, baseModel: BaseModel.FromFolder(folder));
        string weights = Path.Combine(folder, "model.safetensors");
        Assert.ThrowsExactly<InvalidOperationException>(() => FilesInUse.Refuse(weights));
        return new WeakReference<FrozenBase>(model.Session.Base);
    }

    private static byte[] Declare(byte[] json, string stream, long bytes)
    {
        JsonNode root = JsonNode.Parse(json)!;
        if (stream == "Base.1")
            root["base"]!["files"]![1]!["bytes"] = bytes;
        else
            root["prefixBytes"] = bytes;
        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    private static string WithBase(string file, params (string Key, string? Value)[] changes)
    {
        File.Copy(s_model, file);
        ModelArchive.ChangeBase(file, changes);
        return file;
    }

    private static string Text(ITransformer model) =>
        TinyBase.Texts(Context, model, new List<FaceRow> { new() { Input = Source } }).Single();
}
