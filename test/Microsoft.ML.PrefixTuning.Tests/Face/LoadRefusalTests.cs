using System;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Why a model is refused arrives at who loads it as it was thrown, in a process that has loaded nothing before.
/// </summary>
[TestClass]
public sealed class LoadRefusalTests
{
    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Load_OfAlteredEntry_InFreshProcess_ThrowsTheReasonItself(bool isInChain)
    {
        using var folder = new TemporaryFolder();
        string file = folder["model.zip"];
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(1));
        TextGenerationEstimator estimator = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama);
        using (PrefixTuningTransformer model = estimator.Fit(rows))
        {
            ITransformer saved = isInChain
                ? Context.Transforms.CopyColumns("Copy", "Input").Fit(rows).Append(model) : model;
            Context.Model.SaveAtomically(saved, rows.Schema, file);
        }
        ModelArchive.Rewrite(file, PrefixModelFormat.DescriptionStream, _ => Encoding.UTF8.GetBytes("not json"));

        string thrown = ChildProcess.Run(FaceChild.LoadRefused, file);

        Assert.StartsWith("FormatException: Model entry '", thrown);
        Assert.Contains($"', {PrefixModelFormat.DescriptionStream}: ", thrown);
    }

    [TestMethod]
    public void Load_OfAPrefixThatTheDescriptionDoesNotName_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string file = folder["model.zip"];
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(12));
        using (PrefixTuningTransformer model = TinyBase.Fit(Context))
            Context.Model.SaveAtomically(model, rows.Schema, file);
        ModelArchive.Rewrite(file, PrefixModelFormat.DescriptionStream, json =>
        {
            JsonNode description = JsonNode.Parse(json)!;
            description["prefixBytes"] = null;
            return Encoding.UTF8.GetBytes(description.ToJsonString());
        });

        const string Words =
            "expected prefixes that Description.json names alone, found 'Prefix.safetensors', which it does not.";
        Assert.EndsWith(Words,
            Assert.ThrowsExactly<FormatException>(() => Context.Model.Load(file, out _)).Message);
        Assert.EndsWith(Words, Assert.ThrowsExactly<FormatException>(() => SavedModelFile.Read(file)).Message);
    }
}
