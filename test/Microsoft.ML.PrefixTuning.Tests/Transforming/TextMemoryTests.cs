using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Transforming;

/// <summary>Texts come from memory where all that they depend on is the same, and never else.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TextMemoryTests
{
    private readonly List<InputRow> _written = [];

    [TestMethod]
    public void Texts_OfAFurtherPass_AreNotWrittenAgain()
    {
        var memory = new TextMemory(most: 10);
        InputRow[] rows = [new(0, "a", null), new(1, "b", null)];
        CollectionAssert.AreEqual(new[] { "a/", "b/" }, Texts(memory, rows));
        CollectionAssert.AreEqual(new[] { "b/", "a/" }, Texts(memory, [rows[1], rows[0]]), "in another order");
        CollectionAssert.AreEqual(rows, _written);
    }

    [TestMethod]
    public void Texts_AtOnePositionOfAnotherRow_AreWritten()
    {
        var memory = new TextMemory(most: 10);
        Texts(memory, [new(0, "a", null)]);
        CollectionAssert.AreEqual(new[] { "b/" }, Texts(memory, [new(0, "b", null)]));
        Assert.HasCount(2, _written);
    }

    [TestMethod]
    public void Texts_OfAnotherAttribute_AreWritten()
    {
        InputRow[] rows = [new(0, "a", "x"), new(1, "a", "y"), new(2, "a", "x"), new(3, "a", null)];
        string[] texts = Texts(new TextMemory(most: 10), rows);
        CollectionAssert.AreEqual(new[] { "a/x", "a/y", "a/x", "a/" }, texts);
        CollectionAssert.AreEqual(new long[] { 0, 1, 3 }, _written.ConvertAll(row => row.Position));
    }

    [TestMethod]
    public void Texts_BeyondTheBound_AreWrittenAgainAndTheFirstAreKept()
    {
        var memory = new TextMemory(most: 2);
        InputRow[] rows = [new(0, "a", null), new(1, "b", null), new(2, "c", null)];
        Texts(memory, rows);
        Texts(memory, rows);
        CollectionAssert.AreEqual(new[] { "a", "b", "c", "c" }, _written.ConvertAll(row => row.Text));
    }

    [TestMethod]
    public void Texts_WithoutMemory_AreWrittenForEveryRow()
    {
        var memory = new TextMemory(most: 0);
        InputRow[] rows = [new(0, "a", null), new(1, "a", null)];
        Texts(memory, rows);
        Texts(memory, rows);
        Assert.HasCount(4, _written);
    }

    [TestMethod]
    public void Texts_OfRowsThatCannotBeUsed_NameTheirOwnPositions()
    {
        var memory = new TextMemory(most: 10);
        InputRow[] rows = [new(0, "bad", null), new(1, "a", null), new(2, "bad", null), new(3, "bad", null)];
        for (int pass = 0; pass < 2; pass++)
        {
            string[] errors = [.. memory.Texts(rows, Write).Select(text => text.Error)];
            CollectionAssert.AreEqual(new[] { "row 0", "", "row 2", "row 3" }, errors);
        }
        Assert.AreEqual(1, _written.Count(row => row.Text == "a"));
    }

    [TestMethod]
    public void Texts_WhereWritingFails_KeepNothing()
    {
        var memory = new TextMemory(most: 10);
        InputRow[] rows = [new(0, "a", null)];
        Assert.ThrowsExactly<InvalidOperationException>(
            () => memory.Texts(rows, _ => throw new InvalidOperationException()));
        CollectionAssert.AreEqual(new[] { "a/" }, Texts(memory, rows));
    }

    private string[] Texts(TextMemory memory, InputRow[] rows) =>
        [.. memory.Texts(rows, Write).Select(text => text.Texts[0])];

    private GeneratedText[] Write(IReadOnlyList<InputRow> rows)
    {
        _written.AddRange(rows);
        return [.. rows.Select(row => row.Text == "bad" ? new GeneratedText([""], $"row {row.Position}")
            : new GeneratedText([$"{row.Text}/{row.Attribute}"], ""))];
    }
}
