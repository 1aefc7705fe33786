using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>
/// Logits, losses, hidden states and the prefix's gradient on a real model: sections a, b and e of the golden values,
/// with the bounds of their README.
/// </summary>
[TestClass]
[TestCategory("Parity")]
public sealed class SmolLM2LogitsTests
{
    private const int HeadColumns = 64;

    private static FrozenBase? _base;

    [ClassInitialize]
    public static void LoadBase(TestContext context) =>
        _base = FrozenBase.Load(SmolLM2Base.Path, ScalarType.Float32, CPU);

    [ClassCleanup]
    public static void FreeBase() => _base?.Dispose();

    [TestMethod]
    [DataRow("right")]
    [DataRow("left")]
    public void Logits_OfTheBaseAlone_EqualReference(string padding)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using Golden golden = Golden.Open();
        int[][] rows = golden.Prompts(padding);
        Tensor logits = LogitsTests.Run(_base!.Model, rows, prefix: null);
        golden.AssertLogits($"a.{padding}", padding, rows, logits, 5e-4);
        Assert.AreEqual(golden.Number("a", padding, "loss"), Loss(logits, rows).ToDouble(), 1e-5);
    }

    [TestMethod]
    public void HiddenStates_OfEveryLayer_EqualReference()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using Golden golden = Golden.Open();
        int[] row = golden.Prompts("right")[0];
        Tensor wanted = golden.Tensors.Read("a.hidden_states_row0", ScalarType.Float32);
        StackSpec spec = _base!.Model.Spec.Decoder;
        for (int layers = 0; layers <= spec.Layers; layers++)
        {
            StackWeights weights = _base.Model.Weights.Decoder;
            using var stack = new TransformerStack(spec with { Layers = layers },
                layers == spec.Layers ? weights : weights with { FinalNorm = null }, AttentionSite.Decoder, CPU);
            AttentionPlaces places = TokenPlaces.Causal([new RowState(0, 0, row.Length, row.Length)], row.Length, 0,
                row.Length, PrefixConvention.DecoderOnly);
            Tensor embedded = _base.Model.Embed(tensor(row.Select(id => (long)id).ToArray(), [1, row.Length]));
            Tensor found = stack.Run(embedded, places, NoMemory.Instance)[0][row.Length - 1];
            double largest = wanted[layers].abs().max().ToDouble(), difference = (found - wanted[layers]).abs().max()
                .ToDouble();
            Assert.IsLessThanOrEqualTo(1e-4 * largest, difference,
                $"after layer {layers}: difference {difference}, largest value {largest}");
        }
    }

    [TestMethod]
    [DataRow("right")]
    [DataRow("left")]
    public void Logits_WithAnAdaptersPrefix_EqualReference(string padding)
    {
        using var scope = NewDisposeScope();
        using Golden golden = Golden.Open();
        int[][] rows = golden.Prompts(padding);
        Tensor prefix = golden.Adapter().requires_grad_();
        Tensor logits = LogitsTests.RunWith(_base!.Model, rows, Sites(prefix));
        golden.AssertLogits($"b.{padding}", padding, rows, logits, 1e-3);
        Tensor loss = Loss(logits, rows);
        Assert.AreEqual(golden.Number("b", $"loss_{padding}"), loss.ToDouble(), 5e-5);

        loss.backward();
        Tensor wanted = golden.Tensors.Read("b.right.prompt_embeddings_grad", ScalarType.Float32);
        double difference = (prefix.grad! - wanted).abs().max().ToDouble();
        Assert.IsLessThanOrEqualTo(1e-4 * wanted.abs().max().ToDouble(), difference,
            $"largest difference of gradients {difference}");
    }

    [TestMethod]
    public void Logits_WithATextOrItsKeysAndValues_EqualReference()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using Golden golden = Golden.Open();
        int[] text = golden.Ids("e.text_ids"), continuation = golden.Ids("e.continuation_ids");
        Tensor prefix = golden.Tensors.Read("e.prompt_embeddings", ScalarType.Float32);
        Tensor behindText = LogitsTests.Run(_base!.Model, [[.. text, .. continuation]], prefix: null)[0].narrow(0,
            text.Length, continuation.Length);
        Tensor behindPrefix = LogitsTests.RunWith(_base.Model, [continuation], Sites(prefix))[0];

        golden.AssertClose("e.logits_head64_with_text", behindText.narrow(-1, 0, HeadColumns), 5e-4);
        golden.AssertClose("e.logits_head64_with_prefix", behindPrefix.narrow(-1, 0, HeadColumns), 5e-4);
        golden.AssertClose("e.logits_last_with_text", behindText[continuation.Length - 1], 5e-4);
        golden.AssertClose("e.logits_last_with_text", behindPrefix[continuation.Length - 1], 5e-4);
    }

    /// <summary>PEFT's rows [P, N * 2 * G * D] as the decoder's prefix [N, 2, G, P, D].</summary>
    private static SitePrefixes Sites(Tensor rows)
    {
        StackSpec spec = _base!.Model.Spec.Decoder;
        Tensor packed = rows.view(rows.size(0), spec.Layers, 2, spec.Heads.KeyValueCount, spec.Heads.Size);
        return new(new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = packed.permute(1, 2, 3, 0, 4) },
            PrefixConvention.Peft);
    }

    /// <summary>Mean over all tokens but each row's first.</summary>
    private static Tensor Loss(Tensor logits, int[][] rows)
    {
        Tensor[] scores = rows.Select((row, r) => logits[r].narrow(0, 0, row.Length - 1)).ToArray();
        long[] labels = rows.SelectMany(row => row.Skip(1)).Select(id => (long)id).ToArray();
        return nn.functional.cross_entropy(cat(scores), tensor(labels));
    }

    private sealed class Golden : IDisposable
    {
        private readonly JsonDocument _numbers;
        private readonly string _folder;

        private Golden(string folder)
        {
            _folder = folder;
            Tensors = SafeTensorsFile.Open(Path.Combine(folder, "case.safetensors"));
            _numbers = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")));
        }

        public SafeTensorsFile Tensors { get; }

        public static Golden Open() => new(Fixtures.Require(Fixtures.SmolLM2));

        public double Number(params string[] path) =>
            path.Aggregate(_numbers.RootElement, (element, key) => element.GetProperty(key)).GetDouble();

        public int[] Ids(string name)
        {
            using Tensor ids = Tensors.ReadStored(name);
            return ids.flatten().data<long>().Select(id => (int)id).ToArray();
        }

        /// <summary>The prompts of section a without their padding.</summary>
        public int[][] Prompts(string padding)
        {
            int[] ids = Ids($"a.{padding}.input_ids"), mask = Ids($"a.{padding}.attention_mask");
            int width = (int)Tensors.Describe($"a.{padding}.input_ids").Shape[1];
            return ids.Zip(mask).Chunk(width)
                .Select(row => row.Where(item => item.Second == 1).Select(item => item.First).ToArray()).ToArray();
        }

        public Tensor Adapter()
        {
            using SafeTensorsFile file =
                SafeTensorsFile.Open(Path.Combine(_folder, "adapter", "adapter_model.safetensors"));
            return file.Read("prompt_embeddings", ScalarType.Float32);
        }

        /// <summary>
        /// Compares the first columns at every token and, where they are stored, all columns at the last.
        /// </summary>
        public void AssertLogits(string name, string padding, int[][] rows, Tensor logits, double tolerance)
        {
            using var noGradient = no_grad();
            Tensor head = Tensors.Read($"{name}.logits_head64", ScalarType.Float32);
            Tensor? last = Tensors.TensorNames.Contains($"{name}.logits_last")
                ? Tensors.Read($"{name}.logits_last", ScalarType.Float32) : null;
            for (int row = 0; row < rows.Length; row++)
            {
                int length = rows[row].Length, start = padding == "left" ? (int)head.size(1) - length : 0;
                Compare($"{name}, row {row}", head[row].narrow(0, start, length),
                    logits[row].narrow(0, 0, length).narrow(-1, 0, HeadColumns), tolerance);
                if (last is not null)
                    Compare($"{name}, row {row}, last token", last[row], logits[row][length - 1], tolerance);
            }
        }

        public void AssertClose(string name, Tensor found, double tolerance) =>
            Compare(name, Tensors.Read(name, ScalarType.Float32), found, tolerance);

        public void Dispose()
        {
            Tensors.Dispose();
            _numbers.Dispose();
        }

        private static void Compare(string what, Tensor wanted, Tensor found, double tolerance)
        {
            CollectionAssert.AreEqual(wanted.shape, found.shape, what);
            double difference = (found - wanted).abs().max().ToDouble();
            Assert.IsLessThanOrEqualTo(tolerance, difference, $"{what}: largest difference of logits {difference}");
        }
    }
}
