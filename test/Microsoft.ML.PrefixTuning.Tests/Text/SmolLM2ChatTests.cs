using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>The chat template of a real GGUF file.</summary>
[TestClass]
public sealed class SmolLM2ChatTests
{
    [TestMethod]
    public void OpenChatTemplate_OfSmolLM2_IsThatOfItsFile() => Assert.AreEqual(
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
            + "<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n",
        SmolLM2.Instruct135M.OpenChatTemplate());
}
