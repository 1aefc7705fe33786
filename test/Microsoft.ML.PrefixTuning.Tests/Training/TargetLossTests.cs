using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>The gradient of the frozen head, which is made in the forward pass, against autograd's.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TargetLossTests
{
    [TestMethod]
    [DataRow("llama")]
    [DataRow("gemma2")] // A cap behind the head.
    [DataRow("granite")] // A factor before it.
    public void WithGradient_OfAHead_IsThatOfAutograd(string shape) =>
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            using var gradients = enable_grad();
            float[] values = new SeededRandom(3, RandomPurpose.Start).Normal(5 * model.Spec.Width, 2);
            Tensor hidden = tensor(values, [5, model.Spec.Width]).requires_grad_();
            Tensor labels = tensor(new long[] { 1, 7, 0, 30, 7 });
            Tensor loss = nn.functional.cross_entropy(model.Logits(hidden), labels, reduction: nn.Reduction.Sum);
            Tensor wanted = autograd.grad([loss], [hidden])[0];

            (double sum, Tensor found) = TargetLoss.WithGradient(model, hidden, labels, smoothing: 0);

            Assert.AreEqual(loss.ToDouble(), sum, 1e-5 * sum);
            Assert.IsLessThanOrEqualTo(1e-5,
                ((found - wanted).abs().max() / wanted.abs().max()).ToDouble());
            return sum;
        });
}
