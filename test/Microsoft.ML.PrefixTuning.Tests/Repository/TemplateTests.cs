using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Xml.Linq;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>
/// What the templates of dotnet new say of themselves; <c>build/check-package.sh</c> installs, builds and runs them.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TemplateTests
{
    private static readonly string Content =
        Path.Combine(Source.Root, "src", "Microsoft.ML.PrefixTuning.Templates", "content");

    [TestMethod]
    [DataRow("console", "prefix-tuning-console", "PrefixTuningConsole1")]
    [DataRow("web", "prefix-tuning-web", "PrefixTuningWeb1")]
    public void Template_OfAFolder_NamesItsProjectAndTakesTheVersionOfItsPackage(string folder, string shortName,
        string project)
    {
        using JsonDocument template = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Content, folder, ".template.config", "template.json")));
        string Text(string name) => template.RootElement.GetProperty(name).GetString()!;
        Assert.AreEqual((shortName, project), (Text("shortName"), Text("sourceName")));
        Assert.AreEqual($"{project}.csproj",
            template.RootElement.GetProperty("primaryOutputs")[0].GetProperty("path").GetString());

        XDocument own = XDocument.Load(Path.Combine(Content, folder, $"{project}.csproj"));
        Dictionary<string, string> versions = own.Descendants("PackageReference").ToDictionary(
            package => package.Attribute("Include")!.Value, package => package.Attribute("Version")!.Value);
        Assert.AreEqual("TORCH-VERSION", versions["TorchSharp-cpu"]);
        Assert.IsTrue(versions.Where(package => package.Key.StartsWith("Microsoft.ML.PrefixTuning",
            StringComparison.Ordinal)).All(package => package.Value == "PREFIX-TUNING-VERSION"));
        Assert.AreEqual("net10.0", own.Descendants("TargetFramework").Single().Value);
    }

    [TestMethod]
    public void Rows_OfTheConsole_AreTwoColumns()
    {
        var mlContext = new MLContext();
        string path = Path.Combine(Content, "console", "rows.csv");
        IDataView rows = mlContext.Data.LoadFromTextFile(path,
            [new("Facts", Data.DataKind.String, 0), new("Wanted", Data.DataKind.String, 1)], separatorChar: ',',
            hasHeader: true, allowQuoting: true);
        string[] wanted = [.. Data.ColumnCursorExtensions.GetColumn<string>(rows, "Wanted")];
        Assert.HasCount(24, wanted);
        Assert.IsTrue(wanted.All(text => text.Contains(", with a ", StringComparison.Ordinal)));
    }
}
