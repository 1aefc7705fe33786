using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Prefixes;

[TestClass]
[TestCategory("Quick")]
public sealed class ParametrizationTests
{
    private static readonly SiteShape Shape = new(3, 2, 5, 4);

    [TestMethod]
    public void Bake_OfDirect_GivesTheStart()
    {
        using LanguageModel model = TinyTraining.Model();
        Prefix start = TinyTraining.Start(model, PrefixStart.Random(1));
        using var direct = new TrainedKeyValues(start, CPU);
        CollectionAssert.AreEqual(TinyTraining.Values(start), TinyTraining.Values(direct.Bake()));
        Assert.AreEqual(start.ParameterCount, direct.TrainedCount);
    }

    [TestMethod]
    public void Bake_OfUntrainedResidualNetwork_GivesTheStart()
    {
        using LanguageModel model = TinyTraining.Model();
        Prefix start = TinyTraining.Start(model, PrefixStart.DefaultText);
        using var network = new TrainedResidualMlp(start, new PrefixNetworkShape(8), 1, CPU);
        CollectionAssert.AreEqual(TinyTraining.Values(start), TinyTraining.Values(network.Bake()));
    }

    [TestMethod]
    public void Bake_OfUntrainedEmbeddings_GivesTheTextsKeysAndValues()
    {
        using var scope = NewDisposeScope();
        using LanguageModel model = TinyTraining.Model();
        using var embeddings = new TrainedEmbeddings(model, TrainedEmbeddings.EmbeddingsOf(model, [1, 4, 9, 11]),
            PrefixConvention.DecoderOnly);
        CollectionAssert.AreEqual(TinyTraining.Values(TinyTraining.Start(model, PrefixStart.DefaultText)),
            TinyTraining.Values(embeddings.Bake()));
        Assert.AreEqual(4 * model.Spec.EmbeddingWidth, embeddings.TrainedCount);
    }

    [TestMethod]
    public void Description_OfNetworks_TellsDropout()
    {
        using TrainedMlp one = Network(new PrefixNetworkShape(6, 1, 0.25), 1),
            other = Network(new PrefixNetworkShape(6), 1);
        Assert.AreNotEqual(one.Description, other.Description);
    }

    [TestMethod]
    [DataRow(1, 5 * 8 + (8 * 6 + 6) + (6 * 48 + 48))]
    [DataRow(2, 5 * 8 + (8 * 6 + 6) + (6 * 6 + 6) + (6 * 48 + 48))]
    public void TrainedCount_OfNetwork_CountsEmbeddingAndLayers(int depth, int expected)
    {
        using TrainedMlp network = Network(new PrefixNetworkShape(6, depth), 1);
        Assert.AreEqual(expected, network.TrainedCount);
        Assert.AreEqual(Shape.Count, network.Bake().ParameterCount);
    }

    [TestMethod]
    public void Materialize_WithDropout_DropsThatShareAndScalesTheRest()
    {
        using var scope = NewDisposeScope();
        using TrainedMlp network = Network(new PrefixNetworkShape(6, 1, 0.25), 1);
        float[] whole = Values(network.Materialize()),
            dropped = Values(network.Materialize(new SeededRandom(1, RandomPurpose.Dropout)));
        int zeros = dropped.Count(value => value == 0);
        Assert.IsTrue(zeros > 0.15 * dropped.Length && zeros < 0.35 * dropped.Length, $"{zeros} of {dropped.Length}");
        for (int i = 0; i < whole.Length; i++)
            Assert.IsTrue(dropped[i] == 0 || Math.Abs(dropped[i] - whole[i] / 0.75f) < 1e-5);

        static float[] Values(IReadOnlyDictionary<AttentionSite, Tensor> sites) =>
            sites.Values.Single().contiguous().data<float>().ToArray();
    }

    [TestMethod]
    public void Network_OfASeed_IsAlwaysTheSame()
    {
        using TrainedMlp one = Network(new PrefixNetworkShape(6), 1), same = Network(new PrefixNetworkShape(6), 1),
            other = Network(new PrefixNetworkShape(6), 2);
        CollectionAssert.AreEqual(TinyTraining.Values(one.Bake()), TinyTraining.Values(same.Bake()));
        CollectionAssert.AreNotEqual(TinyTraining.Values(one.Bake()), TinyTraining.Values(other.Bake()));
    }

    private static TrainedMlp Network(PrefixNetworkShape network, int seed) =>
        new(new Dictionary<AttentionSite, SiteShape> { [AttentionSite.Decoder] = Shape }, network,
            PrefixConvention.DecoderOnly, seed, CPU);
}
