using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Rows held out with what base and prefix write for them.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class HeldOutExamplesTests
{
    private static readonly MLContext Context = new(seed: 1);

    private static readonly PrefixTuningOptions Two = TinyBase.Quick with
    {
        Training = TinyBase.Quick.Training with { ExampleRows = 2, ValidationFraction = 0.3 },
    };

    [TestMethod]
    public void Fit_ThatAsksForTwo_WritesTheirTextsAsTheModelDoes()
    {
        using PrefixTuningTransformer model = TinyBase.Fit(Context, Two);
        FaceRow[] all = [.. TinyBase.Rows(12)];
        WrittenExample[] examples = [.. model.TrainingSummary!.Examples!];
        Assert.HasCount(2, examples);
        FaceRow[] rows = [.. examples.Select(one => all.Single(row => row.Input == one.Input))];
        CollectionAssert.AreEqual(rows.Select(row => row.Label).ToArray(),
            examples.Select(one => one.Wanted.Single()).ToArray());
        CollectionAssert.AreEqual(TinyBase.Texts(Context, model, rows), examples.Select(one => one.ByPrefix).ToArray());
        using PrefixTuningTransformer alone = Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions { Generation = Two.Generation })
            .Fit(Context.Data.LoadFromEnumerable(rows));
        CollectionAssert.AreEqual(TinyBase.Texts(Context, alone, rows), examples.Select(one => one.ByBase).ToArray());
    }

    [TestMethod]
    public void Fit_WithAValidationSet_TakesItsRowsAndAttributes()
    {
        using PrefixTuningTransformer model = TinyBase.Estimator(Context, Two with
        {
            AttributeColumnName = "Tone",
            AttributeLength = 2,
            ValidationSet = Context.Data.LoadFromEnumerable(
                [new ToneRow { Input = "of the set", Label = "wanted", Tone = "loud" }]),
        }).Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(12).Select((row, i) =>
            new ToneRow { Input = row.Input, Label = row.Label, Tone = i % 2 == 0 ? "calm" : "loud" })));
        WrittenExample only = model.TrainingSummary!.Examples!.Single();
        Assert.AreEqual(("of the set", "loud", "wanted"), (only.Input, only.Attribute, only.Wanted.Single()));
        Assert.IsGreaterThan(0, only.ByPrefix.Length);
    }

    [TestMethod]
    public void Fit_CancelledWhileTheyAreWritten_KeepsThePrefix()
    {
        using var source = new CancellationTokenSource();
        using PrefixTuningTransformer model = TinyBase.Fit(Context, Two with
        {
            Training = Two.Training with
            {
                CancellationToken = source.Token,
                WhenCancelled = CancellationBehavior.ReturnBest,
                Progress = at => { if (at.Step == at.TotalSteps) source.Cancel(); },
            },
        });
        Assert.IsNull(model.TrainingSummary!.Examples);
        Assert.AreEqual(TrainingEnd.Completed, model.TrainingSummary.End);
    }

    [TestMethod]
    public void Report_OfAFreshTraining_ShowsRowsOptionsBaseAndCommand()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer model = TinyBase.Fit(Context, Two with { Device = "cpu" });
        model.TrainingSummary!.WriteReport(folder["report.html"], "prefix-tune train 'my rows.csv'");
        string page = System.Net.WebUtility.HtmlDecode(File.ReadAllText(folder["report.html"]));
        string[] expected =
        [
            .. model.TrainingSummary.Examples!.Select(one => one.ByBase), "prefix-tune train 'my rows.csv'",
            "<td>base</td><td>" + TinyBase.Llama.Path, "<td>Prefix.Length</td><td>4</td><td>20</td>",
            "<td>Training.BatchSize</td><td>4</td><td>8</td>", "<td>Training.ExampleRows</td><td>2</td><td>0</td>",
            "<td>Device</td><td>'cpu'</td><td>none</td>", $"<td>seed</td><td>{model.TrainingSummary.Seed}</td>",
        ];
        foreach (string one in expected)
            Assert.Contains(one, page);
        Assert.DoesNotContain("Training.Beta1", page);
    }

    [TestMethod]
    public void Save_OfAModel_LeavesRowsAndOptionsOut()
    {
        using var folder = new TemporaryFolder();
        using PrefixTuningTransformer model = TinyBase.Fit(Context, Two);
        Context.Model.SaveAtomically(model, null, folder["model.zip"]);
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
        Assert.IsNull(loaded.TrainingSummary!.Examples);
        Assert.IsNull(loaded.TrainingSummary.Origin);
    }
}
