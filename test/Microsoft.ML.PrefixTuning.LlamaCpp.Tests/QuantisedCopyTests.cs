using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.LlamaCpp;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.LlamaCpp;

/// <summary>A prefix that was made for the full base serves another file of the same model, and what differs is told.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class QuantisedCopyTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "TinyModels", "narrow");

    [TestMethod]
    public void FromGguf_OfAPrefixOfTheFullBase_TellsWhatDiffers()
    {
        var told = new List<string>();
        Prefix prefix = LlamaCase.Narrow.Random(3).MadeFor(Identity(), rules: null);
        using TextGenerator generator = LlamaCppGenerator.FromGguf(LlamaCase.Narrow.Path,
            new Dictionary<string, Prefix> { ["mine"] = prefix },
            llamaCpp: LlamaCase.Exact with { Note = told.Add, MadeFor = BaseModel.FromFolder(Folder) });

        CollectionAssert.AreEqual(new[] { "mine" }, generator.PrefixNames.ToArray());
        Assert.ContainsSingle(line => line.StartsWith("weights: made for ", StringComparison.Ordinal), told);
        Assert.DoesNotContain(TokenizerCheck.NotCompared, told);
        // This library itself takes none but the same weights.
        Assert.ThrowsExactly<InvalidOperationException>(() =>
            LlamaCase.Narrow.Model.CreateGenerator(new Dictionary<string, Prefix> { ["mine"] = prefix }));
    }

    [TestMethod]
    public void FromGguf_WithoutTheFullBase_TellsOnceThatTokenizersWereNotCompared()
    {
        var told = new List<string>();
        var prefixes = new Dictionary<string, Prefix>
        {
            ["mine"] = LlamaCase.Narrow.Random(3).MadeFor(Identity(), rules: null),
            ["another"] = LlamaCase.Narrow.Random(4),
        };
        using TextGenerator generator = LlamaCppGenerator.FromGguf(LlamaCase.Narrow.Path, prefixes,
            llamaCpp: LlamaCase.Exact with { Note = told.Add });

        Assert.ContainsSingle(line => line == TokenizerCheck.NotCompared, told);
    }

    [TestMethod]
    [DataRow("weights", true)]
    [DataRow("context", true)]
    [DataRow("decoder.rotary.scaling", true)]
    [DataRow("decoder.norm", true)]
    [DataRow("decoder.layers", false)]
    [DataRow("decoder.head_size", false)]
    [DataRow("decoder.feed_forward.inner", false)]
    [DataRow("decoder.rotary.theta", false)]
    [DataRow("decoder.norm.epsilon", false)]
    [DataRow("vocabulary", false)]
    [DataRow("width", false)]
    [DataRow("family", false)]
    public void Differences_OfAnotherValue_AreOfNoAccountOrRefused(string name, bool isOfNoAccount)
    {
        BaseIdentity found = Identity();
        string other = name switch { "weights" => new string('0', 64), "family" => "qwen2", _ => "7" };
        var madeFor = BaseIdentity.Read(new NamedValues(found.Values.Where(value => value.Key != name)
            .Select(value => new NamedValue(value.Key, value.Value)).Append(new NamedValue(name, other))));

        if (isOfNoAccount)
        {
            Assert.StartsWith($"{name}: made for ", PrefixKind.Differences(madeFor, found).Single());
            return;
        }
        Assert.Contains($"{name}: made for {other}, found ", Assert.ThrowsExactly<InvalidOperationException>(
            () => PrefixKind.Differences(madeFor, found)).Message);
    }

    private static BaseIdentity Identity()
    {
        using FrozenBase frozen = FrozenBase.Load(Folder, ScalarType.Float32, CPU);
        return frozen.Identity;
    }
}
