using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What is trained, as it is written on a command line.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PrefixArgumentsTests
{
    public static IEnumerable<object[]> Parametrizations =>
    [
        ["direct", Parametrization.Direct],
        ["mlp", Parametrization.Mlp()],
        ["mlp:16", Parametrization.Mlp(16)],
        ["mlp:16:2", Parametrization.Mlp(16, 2)],
        ["mlp:16:2:0.1", Parametrization.Mlp(16, 2, 0.1)],
        ["residual-mlp", Parametrization.ResidualMlp()],
        ["residual-mlp:16:2:0.1", Parametrization.ResidualMlp(16, 2, 0.1)],
    ];

    public static IEnumerable<object[]> Methods =>
    [
        ["text", PrefixMethod.Text],
        ["trigger-words", PrefixMethod.TriggerWords()],
        ["trigger-words:7", PrefixMethod.TriggerWords(steps: 7)],
        ["trigger-words:7:3", PrefixMethod.TriggerWords(candidates: 3, steps: 7)],
    ];

    [TestMethod]
    [DynamicData(nameof(Parametrizations))]
    public void Read_OfParametrization_TakesItsNumbers(string text, Parametrization expected) =>
        Assert.AreEqual(expected, Read("--parametrization", text).Parametrization);

    [TestMethod]
    [DynamicData(nameof(Methods))]
    public void Read_OfMethod_TakesItsNumbers(string text, PrefixMethod expected) =>
        Assert.AreEqual(expected, Read("--method", text).Method);

    [TestMethod]
    [DataRow("--parametrization", "mlp:16:2:0.1:4", "found 'mlp:16:2:0.1:4'")]
    [DataRow("--parametrization", "mlp:wide", "--parametrization: expected a whole number, found 'wide'.")]
    [DataRow("--parametrization", "direct:16", "found 'direct:16'")]
    [DataRow("--method", "trigger-words:7:3:1", "found 'trigger-words:7:3:1'")]
    [DataRow("--method", "trigger-words:many", "--method: expected a whole number, found 'many'.")]
    [DataRow("--prefix-start", "random:wide", "--prefix-start: expected a number, found 'wide'.")]
    public void Read_OfSomethingElse_SaysWhatWasExpected(string option, string text, string expected) =>
        Assert.Contains(expected, Assert.ThrowsExactly<UsageException>(() => Read(option, text)).Message);

    private static PrefixOptions Read(params string[] arguments)
    {
        var command = new Verb("train", "");
        var prefix = new PrefixArguments(command, "the columns' names");
        return prefix.Read(command.Parse(arguments));
    }
}
