using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// Logits of every shape of every family, from files in this repository alone: a graph that changes shows in a bare
/// clone. The values come from this graph, at a time when it equalled the reference (<see cref="LogitsTests"/>,
/// <see cref="EncoderDecoderLogitsTests"/>); those tests say that it is right, these that it stayed the same.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GoldenLogitsTests
{
    // Logits span 1 to 10; other processors and thread counts move them by 1e-5.
    private const double Tolerance = 1e-4;
    private const string Variable = "PREFIX_TUNING_WRITE_LOGITS";

    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Logits_OfSeededWeights_AreTheGoldenOnes(string shape)
    {
        JsonObject file = new GoldenLogits(shape).Read();
        float[] expected = new GoldenLogits(shape).Expected(), found = GoldenLogits.Logits(file);

        Assert.HasCount(expected.Length, found);
        double difference = expected.Zip(found, (wanted, logit) => Math.Abs(wanted - logit)).Max();
        Assert.IsLessThanOrEqualTo(Tolerance, difference, $"largest difference of logits {difference}");
        Assert.IsGreaterThan(0.5, expected.Max() - expected.Min(), "Flat logits would show nothing.");
    }

    [TestMethod]
    public void Shapes_InTheRepository_CoverEveryFamilyAndResidual()
    {
        TransformerSpec[] specs =
            [.. GoldenLogits.Names.Select(name => new GoldenLogits(name).Read()["config"]!).Select(config =>
        {
            ModelConfig parsed = ModelConfig.Parse(System.Text.Encoding.UTF8.GetBytes(config.ToJsonString()),
                "config.json");
            return Family.Of(parsed).Describe(parsed);
        })];
        CollectionAssert.AreEquivalent(Family.All.Select(family => family.ModelType).ToArray(),
            specs.Select(spec => spec.Family).Distinct().ToArray());
        CollectionAssert.AreEquivalent(Enum.GetValues<Residual>(),
            specs.Select(spec => spec.Decoder.Residual).Distinct().ToArray());
        Assert.IsLessThan(3 << 20,
            Directory.EnumerateFiles(GoldenLogits.Folder).Sum(path => new FileInfo(path).Length));
    }

    /// <summary>
    /// Every family with a golden case of the reference has a shape here, and one of a case's name is that case's; with
    /// the variable set, they are written.
    /// </summary>
    [TestMethod]
    public void Shapes_OfTheReference_AreInTheRepository()
    {
        Fixtures.Require(Fixtures.Families.FirstOrDefault());
        foreach (string shape in FamilyCase.Folders)
        {
            string folder = Path.Combine(Fixtures.Family(shape), "model");
            JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
            using ITensorSource source = CheckpointFolder.Open(folder);
            var shapes = source.TensorNames.ToDictionary(name => name, name => source.Describe(name).Shape);
            var golden = new GoldenLogits(shape);
            if (Environment.GetEnvironmentVariable(Variable) == "1")
                golden.Write(config, shapes);
            var known = GoldenLogits.Names.ToDictionary(name => name, name => new GoldenLogits(name).Read()["config"]);
            Assert.IsTrue(known.Values.Any(one => (string?)one!["model_type"] == (string?)config["model_type"]), shape);
            // Cases of other shapes may be tried under the names of these.
            if (!JsonNode.DeepEquals(config, known.GetValueOrDefault(shape)))
                continue;
            JsonObject file = golden.Read();
            CollectionAssert.AreEquivalent(shapes.Keys,
                file["tensors"]!.AsObject().Select(entry => entry.Key).ToArray(), shape);
        }
    }
}
