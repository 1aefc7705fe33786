using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>The model file: what comes back, in this process and a fresh one, and what is refused.</summary>
[TestClass]
public sealed class SavingTests
{
    private const string Source = "name : Venue 3 | Type : pub | food : French";
    private const int Kills = 20;

    private static readonly MLContext Context = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    [DataRow("prefix")]
    [DataRow("base alone")]
    [DataRow("beam")]
    [DataRow("embedded")]
    [DataRow("encoder-decoder")]
    [DataRow("8 bits")]
    public void Load_InFreshProcess_WritesTheSameText(string kind)
    {
        using PrefixTuningTransformer model = Make(kind);
        string file = Save(model), expected = Text(model);
        Assert.IsGreaterThan(0, expected.Length);
        ITransformer loaded = Context.Model.Load(file, out DataViewSchema schema);
        Assert.IsNotNull(schema.GetColumnOrNull("Input"));
        Assert.AreEqual(expected, Text(loaded));
        var same = (PrefixTuningTransformer)loaded;
        Assert.AreEqual(model.TrainingSummary?.StartLoss, same.TrainingSummary?.StartLoss);
        same.Dispose();
        if (kind != "beam")
            Assert.AreEqual(expected, ChildProcess.Run(FaceChild.Load, file, Source));
    }

    [TestMethod]
    public void Save_OfChain_LoadsAsChain()
    {
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(12));
        using var chain = Context.Transforms.CopyColumns("Source", "Input")
            .Append(Context.Transforms.Text.PrefixTune("Output", "Source", "Label", TinyBase.Llama, TinyBase.Quick))
                .Fit(data);
        string file = _folder["chain.zip"];
        Context.Model.SaveAtomically(chain, data.Schema, file);
        using var loaded = (IDisposable)Context.Model.Load(file, out _);
        CollectionAssert.AreEqual(TinyBase.Texts(Context, chain, TinyBase.Rows(3)),
            TinyBase.Texts(Context, (ITransformer)loaded, TinyBase.Rows(3)));
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_WithMovedBase_FindsItInTheApplicationsFolder()
    {
        string original = _folder["bases/tiny"], moved = _folder["elsewhere/tiny"];
        CopyBase(original);
        using (PrefixTuningTransformer model = Generator(original))
            Save(model);
        Directory.CreateDirectory(Path.GetDirectoryName(moved)!);
        Directory.Move(original, moved);
        string file = _folder["model.zip"];
        var missing = Assert.ThrowsExactly<FileNotFoundException>(() => Context.Model.Load(file, out _));
        StringAssert.Contains(missing.Message, "'tiny'");
        StringAssert.Contains(missing.Message, original);
        StringAssert.Contains(missing.Message, Path.Combine("base-models", "tiny"));
        AppContext.SetData(BaseLocator.FolderSetting, _folder["elsewhere"]);
        try
        {
            using var loaded = (PrefixTuningTransformer)Context.Model.Load(file, out _);
            Assert.IsGreaterThan(0, Text(loaded).Length);
        }
        finally
        {
            AppContext.SetData(BaseLocator.FolderSetting, null);
        }
    }

    [TestMethod]
    [DoNotParallelize]
    [DataRow("empty", typeof(FileNotFoundException), "config.json: expected in")]
    [DataRow("cut", typeof(FormatException), "model.safetensors")]
    [DataRow("unknown", typeof(NotSupportedException), "model_type")]
    [DataRow("another", typeof(InvalidOperationException), "weights: expected ")]
    public void Load_WithAnotherThingAtTheRecordedPlace_LooksFurther(string thing, Type kind, string words)
    {
        string recorded = _folder["bases/tiny"], moved = _folder["elsewhere/tiny"], hash;
        CopyBase(recorded);
        CopyBase(moved);
        using (PrefixTuningTransformer model = Generator(recorded))
        {
            Save(model);
            hash = model.Session.Base.Identity.Weights;
        }
        Spoil(recorded, thing);
        string file = _folder["model.zip"];
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() => Context.Model.Load(file, out _));
        Assert.IsInstanceOfType(refused.InnerException, kind);
        foreach (string part in (string[])["'tiny'", hash[..12], $"'{recorded}': {refused.InnerException!.Message}",
            words, Path.Combine("base-models", "tiny") + "': nothing is there"])
            StringAssert.Contains(refused.Message, part);
        AppContext.SetData(BaseLocator.FolderSetting, Path.GetDirectoryName(moved));
        try
        {
            using var loaded = (PrefixTuningTransformer)Context.Model.Load(file, out _);
            Assert.AreEqual(moved, loaded.Session.Base.Path);
        }
        finally
        {
            AppContext.SetData(BaseLocator.FolderSetting, null);
        }
    }

    [TestMethod]
    public void Load_OfTwoModelsThatCarryOneBase_SharesOneCopy()
    {
        string first = _folder["first.zip"], second = _folder["second.zip"], expected;
        using (PrefixTuningTransformer prefix = Make("embedded"),
            alone = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions { Generation = TinyBase.Quick.Generation, EmbedBase = true })
                .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(1))))
        {
            Context.Model.SaveAtomically(prefix, null, first);
            Context.Model.SaveAtomically(alone, null, second);
            expected = Text(alone);
        }
        var one = (PrefixTuningTransformer)Context.Model.Load(first, out _);
        var other = (PrefixTuningTransformer)Context.Model.Load(second, out _);
        string folder = one.Session.Base.Path;
        Assert.AreSame(one.Session.Base, other.Session.Base);
        one.Dispose();
        Assert.AreEqual(expected, Text(other));
        Assert.IsTrue(Directory.Exists(folder), "kept while it has a user");
        other.Dispose();
        Assert.IsFalse(Directory.Exists(folder), "deleted with the last user");
    }

    [TestMethod]
    public void Save_AfterTheBaseWasReplacedDuringTraining_NamesTheBaseOfTheTraining()
    {
        string folder = _folder["bases/tiny"];
        CopyBase(folder);
        using BaseLease original = TinyBase.Hold();
        PrefixTuningOptions Options(bool embed) => TinyBase.Quick with
        {
            EmbedBase = embed,
            Training = TinyBase.Quick.Training with { Progress = progress => ReplaceWeights(folder, progress.Step) },
        };
        using (PrefixTuningTransformer model = Fit(Options(embed: false)))
            Save(model);
        SavedModel saved = SavedModelFile.Read(_folder["model.zip"])[0].Saved;
        Assert.IsNull(saved.Base.Identity.Difference(original.Base.Model.Spec, original.Base.Identity.Weights));
        File.Copy(Path.Combine(TinyBase.Folder("llama"), "model.safetensors"),
            Path.Combine(folder, "model.safetensors"), overwrite: true);
        using PrefixTuningTransformer embedded = Fit(Options(embed: true));
        StringAssert.Contains(Assert.ThrowsExactly<InvalidOperationException>(() => Save(embedded)).Message,
            "'model.safetensors' changed since");

        PrefixTuningTransformer Fit(PrefixTuningOptions options) => Context.Transforms.Text
            .PrefixTune("Output", "Input", "Label", BaseModel.FromFolder(folder), options)
                .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(12)));
    }

    [TestMethod]
    public void Load_WithAlteredBase_IsRefused()
    {
        string folder = _folder["bases/tiny"];
        CopyBase(folder);
        using (PrefixTuningTransformer model = Generator(folder))
            Save(model);
        ReplaceWeights(folder, step: 1);
        var altered = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Context.Model.Load(_folder["model.zip"], out _));
        StringAssert.Contains(altered.Message, "weights: expected ");
        StringAssert.Contains(altered.Message, folder);
    }

    [TestMethod]
    public void Load_OfFileCutAnywhere_IsRefused()
    {
        using PrefixTuningTransformer model = Make("prefix");
        byte[] whole = File.ReadAllBytes(Save(model));
        string cut = _folder["cut.zip"];
        for (int part = 0; part < 12; part++)
        {
            File.WriteAllBytes(cut, whole[..(whole.Length * part / 12)]);
            Exception fault = Assert.Throws<Exception>(() => Context.Model.Load(cut, out _));
            Assert.IsTrue(fault is FormatException or InvalidDataException or InvalidOperationException
                or ArgumentException or IOException, $"{fault}");
        }
    }

    [TestMethod]
    [DataRow("Description.json", "{}", "Description.json")]
    [DataRow("Description.json", "not json", "Description.json")]
    [DataRow("Prefix.safetensors", "short", "Prefix.safetensors")]
    [DataRow("Prefix.safetensors", null, "Prefix.safetensors")]
    public void Load_OfAlteredEntry_IsRefusedByName(string entry, string? content, string words)
    {
        using PrefixTuningTransformer model = Make("prefix");
        string file = Save(model);
        ModelArchive.Rewrite(file, entry, _ => content is null ? null : Encoding.UTF8.GetBytes(content));
        var fault = Assert.ThrowsExactly<FormatException>(() => Context.Model.Load(file, out _));
        StringAssert.Contains(fault.Message, words);
    }

    [TestMethod]
    [DataRow("identity", "{}", "base.identity: identity: expected a number from 1, found nothing")]
    [DataRow("files", "[{}]", "'name'")]
    [DataRow("files", "[null]", "base.files: expected no null in the list, found one")]
    [DataRow("files",
        """[{ "name": "config.json", "bytes": 1, "hash": "#" }, { "name": "config.json", "bytes": 1, "hash": "#" }]""",
        "base.files: expected each name once, found 'config.json' twice")]
    public void Load_OfHostileBase_IsRefusedByKey(string key, string value, string words)
    {
        using PrefixTuningTransformer model = Make("prefix");
        string file = Save(model);
        ModelArchive.Rewrite(file, PrefixModelFormat.DescriptionStream, json =>
        {
            JsonNode description = JsonNode.Parse(json)!,
                wanted = JsonNode.Parse(value.Replace("#", new string('0', 64), StringComparison.Ordinal))!;
            (description["base"]!["path"], description["base"]![key]) = ("nowhere", wanted);
            return Encoding.UTF8.GetBytes(description.ToJsonString());
        });
        var fault = Assert.ThrowsExactly<FormatException>(() => Context.Model.Load(file, out _));
        StringAssert.Contains(fault.Message, PrefixModelFormat.DescriptionStream);
        StringAssert.Contains(fault.Message, words);
    }

    [TestMethod]
    public void Load_OfNewerVersion_IsRefusedByNumber()
    {
        using PrefixTuningTransformer model = Make("prefix");
        string file = Save(model);
        SetVersion(file, written: FormatVersion.Present + 1, readable: FormatVersion.Present);
        using (var loaded = (PrefixTuningTransformer)Context.Model.Load(file, out _))
            Assert.AreEqual(Text(model), Text(loaded), "newer, but written so that this version reads it");
        SetVersion(file, written: FormatVersion.Present + 2, readable: FormatVersion.Present + 1);
        var refused = Assert.ThrowsExactly<NotSupportedException>(() => Context.Model.Load(file, out _));
        StringAssert.EndsWith(refused.Message,
            $"found version 0x{FormatVersion.Present + 2:x8} (readable from 0x{FormatVersion.Present + 1:x8}); this "
                + $"version of the library reads 0x{FormatVersion.Oldest:x8} to 0x{FormatVersion.Present:x8}.");
    }

    [TestMethod]
    public void Load_OfForeignZip_IsRefused()
    {
        string file = _folder["foreign.zip"];
        using (ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Create))
            archive.CreateEntry("something.txt");
        Exception fault = Assert.Throws<Exception>(() => Context.Model.Load(file, out _));
        Assert.IsTrue(fault is FormatException or InvalidDataException or InvalidOperationException, $"{fault}");
    }

    [TestMethod]
    public void SaveAtomically_KilledAtAnyMoment_LeavesAWholeModel()
    {
        using PrefixTuningTransformer model = Make("prefix");
        string file = Save(model), copy = _folder["copy.zip"], expected = Text(model);
        Context.Model.SaveAtomically(model, null, copy);
        var random = new Random(7);
        for (int kill = 0; kill < Kills; kill++)
        {
            using Process process = ChildProcess.Start(FaceChild.Save, file, copy);
            Assert.AreEqual(ChildProcess.Ready, process.StandardOutput.ReadLine());
            process.WaitForExit(random.Next(60));
            process.Kill();
            process.WaitForExit();
            using var loaded = (PrefixTuningTransformer)Context.Model.Load(copy, out _);
            if (kill % 5 == 0)
                Assert.AreEqual(expected, Text(loaded));
        }
        Context.Model.SaveAtomically(model, null, copy);
        CollectionAssert.AreEquivalent(new[] { file, copy }, Directory.GetFiles(_folder.Path),
            "the next save removes what a crash left");
    }

    [TestMethod]
    public void Fit_KilledAtAnyMoment_ResumesToTheSamePrefix()
    {
        string state = _folder["training.state"], folder = TinyBase.Folder("llama");
        string expected = Last(ChildProcess.Run(FaceChild.Train, folder, _folder["whole.state"]));
        var random = new Random(3);
        for (int kill = 0; kill < 4; kill++)
        {
            using Process process = ChildProcess.Start(FaceChild.Train, folder, state);
            int steps = random.Next(1, 12);
            while (steps > 0 && process.StandardOutput.ReadLine() is { } line)
                steps -= line.StartsWith("step", StringComparison.Ordinal) ? 1 : 0;
            process.Kill();
            process.WaitForExit();
        }
        Assert.AreEqual(expected, Last(ChildProcess.Run(FaceChild.Train, folder, state)));

        static string Last(string output) => output.TrimEnd().Split('\n')[^1];
    }

    private PrefixTuningTransformer Make(string kind)
    {
        PrefixTuningOptions options = TinyBase.Quick;
        IDataView data = Context.Data.LoadFromEnumerable(TinyBase.Rows(12));
        return kind switch
        {
            "base alone" => Generator(TinyBase.Folder("llama")),
            "beam" => TinyBase.Fit(Context, options with
            {
                Generation = options.Generation with
                {
                    Decoding = Decoding.Beam(3, 0.7, earlyStopping: true),
                    StopStrings = ["zzz"],
                    BannedWords = ["q"]
                },
            }),
            "embedded" => TinyBase.Fit(Context, options with { EmbedBase = true }),
            "8 bits" => TinyBase.Fit(Context, options with { EmbedBase = true, Precision = ModelPrecision.Int8 }),
            "encoder-decoder" =>
                Context.Transforms.Text.PrefixTune("Output", "Input", "Label", TinyBase.T5, options).Fit(data),
            _ => TinyBase.Fit(Context, options),
        };
    }

    private static PrefixTuningTransformer Generator(string folder) => Context.Transforms.Text
        .GenerateText("Output", "Input", BaseModel.FromFolder(folder),
            options: new TextGenerationOptions { Generation = TinyBase.Quick.Generation })
        .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(1)));

    private string Save(PrefixTuningTransformer model)
    {
        string file = _folder["model.zip"];
        Context.Model.SaveAtomically(model, Context.Data.LoadFromEnumerable(TinyBase.Rows(1)).Schema, file);
        return file;
    }

    /// <summary>Sets the two numbers that follow the signature in ML.NET's header.</summary>
    private static void SetVersion(string file, uint written, uint readable) =>
        ModelArchive.Rewrite(file, "Model.key", header =>
    {
        int numbers = header.AsSpan().IndexOf("PREFIXTN"u8) + "PREFIXTN".Length;
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(numbers), written);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(numbers + sizeof(uint)), readable);
        return header;
    });

    /// <summary>Makes a folder with a base into one of something else.</summary>
    private static void Spoil(string folder, string thing)
    {
        string config = Path.Combine(folder, "config.json"), weights = Path.Combine(folder, "model.safetensors");
        switch (thing)
        {
            case "empty":
                foreach (string file in Directory.GetFiles(folder))
                    File.Delete(file);
                break;
            case "cut":
                File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..1000]);
                break;
            case "unknown":
                File.WriteAllText(config, File.ReadAllText(config)
                    .Replace("\"llama\"", "\"unheard-of\"", StringComparison.Ordinal));
                break;
            default:
                ReplaceWeights(folder, step: 1);
                break;
        }
    }

    /// <summary>Renames other weights over a base's, once a training: what is in use keeps the old file.</summary>
    private static void ReplaceWeights(string folder, int step)
    {
        if (step != 1)
            return;
        string weights = Path.Combine(folder, "model.safetensors"), other = weights + ".new";
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[^3] ^= 1;
        File.WriteAllBytes(other, bytes);
        File.Move(other, weights, overwrite: true);
    }

    private static string Text(ITransformer model) =>
        TinyBase.Texts(Context, model, [new FaceRow { Input = Source }])[0];

    private static void CopyBase(string target)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(TinyBase.Folder("llama")))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
    }
}
