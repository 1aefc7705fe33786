using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Transforming;

/// <summary>Rows for whose texts memory does not suffice.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowMemoryTests
{
    private const string Place = "Row 2 (the first is 1; rows.csv, line 5), column 'Input': memory does not suffice to"
        + " write its text behind a prompt of ";
    private const string Remedy = "Lower Generation.BatchSize (now 3) or Generation.MaxNewTokens, or shorten the row.";

    private static readonly InputRow[] s_rows =
    [
        new(0, "a pub", null, "rows.csv, line 2"), new(1, "a pub that is French", null, "rows.csv, line 5"),
        new(2, "a cafe", null, "rows.csv, line 6"),
    ];

    [TestMethod]
    public void Generate_WithoutMemory_NamesRowAndLine()
    {
        using PrefixTuningTransformer model = Make(errorColumn: null);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            model.Session.Generate(s_rows, () => zeros(1L << 50).Dispose(), warn: null));
        Assert.StartsWith(Place, fault.Message);
        Assert.EndsWith(Remedy, fault.Message);
        Assert.DoesNotContain("\n", fault.Message);
        Assert.IsNotNull(fault.InnerException);
    }

    /// <summary>All together fail, then the second alone; with one new token each row takes one pass.</summary>
    [TestMethod]
    public void Generate_WithoutMemoryForOneRow_PutsItsErrorBesideTheOthersTexts()
    {
        using PrefixTuningTransformer model = Make("Error");
        string[] expected = [.. model.Session.Generate(s_rows, null, null).Select(text => text.Texts.Single())];
        int calls = 0;
        GeneratedText[] found = model.Session.Generate(s_rows, () =>
        {
            if (++calls is 1 or 3)
                zeros(1L << 50).Dispose();
        }, warn: null);
        Assert.AreEqual(4, calls);
        Assert.StartsWith(Place, found[1].Error);
        Assert.EndsWith(Remedy, found[1].Error);
        CollectionAssert.AreEqual(new[] { "" }, found[1].Texts.ToArray());
        foreach (int row in (int[])[0, 2])
            Assert.AreEqual((expected[row], ""), (found[row].Texts.Single(), found[row].Error));
    }

    private static PrefixTuningTransformer Make(string? errorColumn)
    {
        var mlContext = new MLContext(seed: 1);
        return mlContext.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama,
            options: new TextGenerationOptions
            {
                Generation = new() { MaxNewTokens = 1, BatchSize = 3, ErrorColumnName = errorColumn },
            }).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(1)));
    }
}
