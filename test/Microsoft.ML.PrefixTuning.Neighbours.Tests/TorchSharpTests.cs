using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Microsoft.ML.TorchSharp;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Neighbours.Tests;

/// <summary>
/// What of Microsoft.ML.TorchSharp works beside the TorchSharp of this library, and the two things that keep its
/// trainers from fitting. Where a release of it mends one, a test here fails: README.md then promises too little.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TorchSharpTests
{
    private static readonly Assembly Neighbour = typeof(TorchSharpCatalog).Assembly;

    [TestMethod]
    public void Trainers_OfEveryTask_AreMade()
    {
        var mlContext = new MLContext(seed: 1);
        object[] trainers =
        [
            mlContext.MulticlassClassification.Trainers.TextClassification(),
            mlContext.MulticlassClassification.Trainers.NamedEntityRecognition(),
            mlContext.MulticlassClassification.Trainers.QuestionAnswer(),
            mlContext.MulticlassClassification.Trainers.ObjectDetection(),
            mlContext.Regression.Trainers.SentenceSimilarity(),
        ];
        CollectionAssert.AllItemsAreNotNull(trainers);
    }

    [TestMethod]
    public void Module_ThatLeavesItsWeightsAlone_Computes()
    {
        using var module = new TorchSharp.AutoFormerV2.MLP(inFeatures: 4, hiddenFeatures: 8, outFeatures: 2);
        using torch.Tensor input = torch.ones(1, 3, 4), output = module.call(input);
        CollectionAssert.AreEqual(new long[] { 1, 3, 2 }, output.shape);
    }

    [TestMethod]
    public void Build_OfTheRelease_IsForAnOlderTorchSharp() => Assert.AreEqual(new Version(0, 102, 7, 0),
        Neighbour.GetReferencedAssemblies().Single(name => name.Name == "TorchSharp").Version);

    [TestMethod]
    public void Members_ThatItUsesAndThatAreNoMore_AreOneOfObjectDetection() => CollectionAssert.AreEqual(
        new[]
        {
            "Method not found: 'Tensor functional.interpolate(Tensor, Int64[], Double[], InterpolationMode,"
                + " System.Nullable`1<Boolean>, Boolean)'.",
        },
        MissingMembers());

    [TestMethod]
    public void Weights_ThatItInitialises_AreGone()
    {
        using torch.Tensor weights = torch.zeros(2, 2);
        Assert.AreSame(weights, torch.nn.init.normal_(weights));
        // It disposes what it gets back, which was an object of its own once.
        Type utilities = Neighbour.GetType("Microsoft.ML.TorchSharp.Utils.ModelUtils", throwOnError: true)!;
        utilities.GetMethod("InitNormal")!.Invoke(null, [weights, 0.0, 1.0]);
        Assert.IsTrue(weights.IsInvalid);
    }

    private static unsafe List<string> MissingMembers()
    {
        Assert.IsTrue(Neighbour.TryGetRawMetadata(out byte* blob, out int length));
        var metadata = new MetadataReader(blob, length);
        // Stand for the parameters of the types and methods that use the members.
        Type[] any = [.. Enumerable.Repeat(typeof(float), 4)];
        var missing = new List<string>();
        foreach (MemberReferenceHandle handle in metadata.MemberReferences)
        {
            try
            {
                Neighbour.ManifestModule.ResolveMember(MetadataTokens.GetToken(handle), any, any);
            }
            catch (Exception fault) when (fault is MissingMemberException or TypeLoadException)
            {
                missing.Add(fault.Message);
            }
        }
        return missing;
    }
}
