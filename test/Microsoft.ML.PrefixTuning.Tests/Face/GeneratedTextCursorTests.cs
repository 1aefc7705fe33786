using System;
using System.Linq;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

[TestClass]
[TestCategory("Quick")]
public sealed class GeneratedTextCursorTests
{
    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    [DataRow(2, 2)]
    [DataRow(7, 5)]
    public void MoveNext_AfterAFailure_FailsAgainAndHandsOutNothing(int bad, int good)
    {
        // Reads 1, 1, 2, 1, 5 rows ahead.
        var options = new TextGenerationOptions { Generation = TinyBase.Quick.Generation };
        FaceRow[] rows = TinyBase.Rows(12).ToArray();
        rows[bad].Input = string.Concat(Enumerable.Repeat("name : Venue | ", 120));
        IDataView data = Context.Data.LoadFromEnumerable(rows);
        using PrefixTuningTransformer model =
            Context.Transforms.Text.GenerateText("Output", "Input", TinyBase.Llama, options: options).Fit(data);
        IDataView output = model.Transform(data);
        using DataViewRowCursor cursor = output.GetRowCursor(output.Schema);
        ValueGetter<ReadOnlyMemory<char>> text = cursor.GetGetter<ReadOnlyMemory<char>>(output.Schema["Output"]);
        ValueGetter<float> number = cursor.GetGetter<float>(output.Schema["Number"]);
        for (int row = 0; row < good; row++)
            Assert.IsTrue(cursor.MoveNext());

        for (int time = 0; time < 2; time++)
        {
            var fault = Assert.ThrowsExactly<ArgumentException>(() => cursor.MoveNext());
            StringAssert.StartsWith(fault.Message, $"Row {bad + 1} (the first is 1), column 'Input'");
            Assert.AreEqual(-1, cursor.Position);
            ReadOnlyMemory<char> written = default;
            Assert.ThrowsExactly<InvalidOperationException>(() => text(ref written));
            float passed = 0;
            Assert.ThrowsExactly<InvalidOperationException>(() => number(ref passed));
        }
    }
}
