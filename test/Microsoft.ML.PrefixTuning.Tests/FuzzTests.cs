using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>
/// Damaged files load or are refused as documented, within a second of processor time each; nothing else happens.
/// </summary>
[TestClass]
[TestCategory("Hostile")]
public sealed class FuzzTests
{
    private const int Mutations = 10_000;
    private const double MostSeconds = 1;

    // The first tensor of a process loads the native library.
    [ClassInitialize]
    public static void LoadNativeLibrary(TestContext context) => zeros(1).Dispose();

    [TestMethod]
    public void SafeTensors_DamagedHeader_LoadsOrIsRefused()
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Hostile), "safetensors");
        using var copies = new TemporaryFolder();
        string file = copies["damaged.safetensors"];
        byte[][] originals = [.. Directory.GetFiles(folder, "ok-*.safetensors").Order(StringComparer.Ordinal)
            .Select(File.ReadAllBytes)];
        (int loaded, int refused) = Run(originals, SafeTensorsDamage, bytes =>
        {
            File.WriteAllBytes(file, bytes);
            using SafeTensorsFile opened = SafeTensorsFile.Open(file);
            foreach (string name in opened.TensorNames)
                opened.ReadStored(name).Dispose();
        });
        Assert.IsGreaterThan(100, loaded);
        Assert.IsGreaterThan(100, refused);
    }

    [TestMethod]
    public void Config_Damaged_LoadsOrIsRefused()
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Hostile), "checkpoints");
        (string Folder, byte[] Config)[] bases =
            [.. Directory.GetDirectories(folder, "ok-*").Order(StringComparer.Ordinal)
            .Select(path => (path, File.ReadAllBytes(Path.Combine(path, "config.json"))))];
        int next = 0;
        (int loaded, int refused) = Run([.. bases.Select(one => one.Config)], Mutation.Of, bytes =>
        {
            using ITensorSource source = CheckpointFolder.Open(bases[next++ % bases.Length].Folder);
            ModelConfig config = ModelConfig.Parse(bytes, "config.json");
            Family family = Family.Of(config);
            TransformerSpec spec = family.Describe(config);
            ModelWeights weights = WeightBinder.Bind(spec, family.Names(spec, config), source, ScalarType.Float32, CPU);
            new LanguageModel(spec, weights).Dispose();
        });
        Assert.IsGreaterThan(100, loaded);
        Assert.IsGreaterThan(100, refused);
    }

    /// <summary>Damages the originals in turn and tries each.</summary>
    private static (int Loaded, int Refused) Run(byte[][] originals, Func<byte[], Random, byte[]> damage,
        Action<byte[]> load)
    {
        var random = new Random(1);
        int refused = 0;
        long tensors = OwnTensors.Live;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] bytes = damage(originals[i % originals.Length], random);
            double start = OwnTime.Now();
            try
            {
                load(bytes);
            }
            catch (Exception fault)
            {
                refused++;
                Assert.IsTrue(HostileCase.Documented.Contains(fault.GetType()),
                    $"Mutation {i}: {fault}\n{Encoding.UTF8.GetString(bytes)}");
            }
            Assert.IsLessThan(MostSeconds, OwnTime.Now() - start, $"Mutation {i} took too long.");
        }
        Assert.AreEqual(tensors, OwnTensors.Live, "Tensors were left behind.");
        return (Mutations - refused, refused);
    }

    /// <summary>Damage to the header; in half of the cases the length in front of it still fits.</summary>
    private static byte[] SafeTensorsDamage(byte[] file, Random random)
    {
        int length = (int)BitConverter.ToInt64(file);
        byte[] header = Mutation.Of(file[8..(8 + length)], random), data = file[(8 + length)..];
        byte[] number = random.Next(8) == 0 ? Mutation.Of(file[..8], random)
            : BitConverter.GetBytes(random.Next(2) == 0 ? header.LongLength : length);
        IEnumerable<byte> all = number.Concat(header).Concat(data);
        return [.. all];
    }
}
