using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Stop strings over a vocabulary of single characters.</summary>
[TestClass]
public sealed class StopsTests
{
    private static Stops Of(params string[] strings) => new(strings, ids => string.Concat(ids.Select(id => (char)id)));

    [TestMethod]
    [DataRow("one END", true)]
    [DataRow("one EN", false)]
    [DataRow("one STOP", true)]
    [DataRow("", false)]
    public void Reached_WhenAStringHasJustBecomeWhole(string text, bool reached) =>
        Assert.AreEqual(reached, Of("END", "STOP").Reached([.. text.Select(c => (int)c)]));

    [TestMethod]
    public void Reached_WithoutStrings_Never() => Assert.IsFalse(Of().Reached([65]));

    [TestMethod]
    [DataRow("one END two STOP", "one ")]
    [DataRow("one STOP two END", "one ")]
    [DataRow("one two", "one two")]
    [DataRow("END", "")]
    public void Cut_AtTheFirstString_WhateverTheOrderOfTheOptions(string text, string expected)
    {
        Assert.AreEqual(expected, Of("END", "STOP").Cut(text));
        Assert.AreEqual(expected, Of("STOP", "END").Cut(text));
    }

    [TestMethod]
    public void Cut_WhereTwoOverlap_AtTheOneThatBeginsFirst() => Assert.AreEqual("a", Of("cd", "bcx").Cut("abcx cd"));
}
