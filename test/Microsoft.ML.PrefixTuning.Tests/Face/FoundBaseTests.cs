using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Where a saved model finds its base on another machine.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FoundBaseTests : IDisposable
{
    private readonly MLContext _context = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    private string Model => _folder["model.zip"];

    [TestInitialize]
    public void SaveAModelWhoseBaseMoves()
    {
        string original = _folder["tiny"];
        CopyBase(original);
        using (PrefixTuningTransformer model = _context.Transforms.Text.GenerateText("Output", "Input",
            BaseModel.FromFolder(original)).Fit(_context.Data.LoadFromEnumerable(TinyBase.Rows(1))))
            _context.Model.SaveAtomically(model, null, Model);
        Directory.CreateDirectory(_folder["elsewhere"]);
        Directory.Move(original, _folder["elsewhere/tiny"]);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(BaseLocator.Variable, null);
        _folder.Dispose();
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_WithTheVariable_LooksInEachOfItsFolders()
    {
        Environment.SetEnvironmentVariable(BaseLocator.Variable, string.Join(Path.PathSeparator, _folder["none"],
            _folder["elsewhere"]));
        Assert.AreEqual(_folder["elsewhere/tiny"], FoundBase(() => _context.Model.Load(Model, out _)));
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_OfARenamedBase_FindsItWhereTheVariableNamesIt()
    {
        Directory.Move(_folder["elsewhere/tiny"], _folder["renamed"]);
        Environment.SetEnvironmentVariable(BaseLocator.Variable, _folder["renamed"]);
        Assert.AreEqual(_folder["renamed"], FoundBase(() => _context.Model.Load(Model, out _)));
    }

    [TestMethod]
    public void Load_WithAFunction_AsksItFirst()
    {
        NeededBase? asked = null;
        Assert.AreEqual(_folder["elsewhere/tiny"], FoundBase(() => _context.Model.Load(Model, out _, needed =>
        {
            asked = needed;
            return _folder["elsewhere/tiny"];
        })));
        Assert.AreEqual(("tiny", _folder["tiny"]), (asked!.Name, asked.Path));
        Assert.HasCount(64, asked.Weights!);
        using FileStream stream = File.OpenRead(Model);
        Assert.AreEqual(_folder["elsewhere/tiny"],
            FoundBase(() => _context.Model.Load(stream, out _, _ => _folder["elsewhere/tiny"])));
        Assert.ThrowsExactly<FileNotFoundException>(() => _context.Model.Load(Model, out _), "asked for one load only");
    }

    [TestMethod]
    public void Load_OfAnotherBase_IsRefusedAlsoWhereAFunctionNamesIt()
    {
        string other = TinyBase.Folder("t5");
        var refused = Assert.ThrowsExactly<InvalidOperationException>(() =>
            _context.Model.Load(Model, out _, _ => other));
        Assert.Contains($"'{other}': The saved transformer needs", refused.Message);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Load_OfABaseThatIsNowhere_NamesEveryPlaceAndEveryRemedy()
    {
        Environment.SetEnvironmentVariable(BaseLocator.Variable, _folder["none"]);
        var missing = Assert.ThrowsExactly<FileNotFoundException>(() =>
            _context.Model.Load(Model, out _, _ => _folder["nor here"]));
        string[] places =
        [
            _folder["nor here"], _folder["tiny"], Path.Combine(AppContext.BaseDirectory, "base-models", "tiny"),
            Path.Combine(_folder["none"], "tiny"),
        ];
        int[] found = [.. places.Select(place => missing.Message.IndexOf($"'{place}': nothing is there",
            StringComparison.Ordinal))];
        Assert.DoesNotContain(-1, found);
        CollectionAssert.AreEqual(found.Order().ToArray(), found, "in the order in which they are looked at");
        foreach (string remedy in (string[])[BaseLocator.Variable, BaseLocator.FolderSetting, "findBase"])
            Assert.Contains(remedy, missing.Message);
    }

    [TestMethod]
    public void Load_OfATokenCounter_AsksTheFunctionToo()
    {
        IDataView rows = _context.Data.LoadFromEnumerable(TinyBase.Rows(1));
        Directory.Move(_folder["elsewhere/tiny"], _folder["tiny"]);
        ITransformer counter = _context.Transforms.Text.CountTokens("Tokens", "Input",
            BaseModel.FromFolder(_folder["tiny"])).Fit(rows);
        _context.Model.SaveAtomically(counter, rows.Schema, Model);
        Directory.Move(_folder["tiny"], _folder["renamed"]);
        string? weights = "not asked";
        Assert.IsNotNull(_context.Model.Load(Model, out _, needed =>
        {
            weights = needed.Weights;
            return _folder["renamed"];
        }));
        Assert.IsNull(weights);
    }

    private static string FoundBase(Func<ITransformer> load)
    {
        using var loaded = (PrefixTuningTransformer)load();
        return loaded.Session.Base.Path;
    }

    private static void CopyBase(string target)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.EnumerateFiles(TinyBase.Folder("llama")))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
    }
}
