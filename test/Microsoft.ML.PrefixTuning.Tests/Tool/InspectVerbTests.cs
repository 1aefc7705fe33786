using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Text;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Descriptions of everything that the command reads and writes.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class InspectVerbTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Run_OfBase_SaysWhatItIs()
    {
        ToolRun run = ToolFolder.Run("inspect", ToolFolder.Base);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        using var lease = TinyBase.Hold();
        Assert.AreEqual("llama (decoder-only)", Value(run, "family"));
        Assert.AreEqual($"{lease.Base.Model.Weights.Owned.Sum(tensor => tensor.numel()):N0}", Value(run, "parameters"));
        Assert.AreEqual("3 layers, 6 heads (2 of keys and values) of size 8, feed-forward 96", Value(run, "decoder"));
        Assert.AreEqual("320 tokens", Value(run, "context"));
        Assert.AreEqual("byte-level BPE, 400 tokens", Value(run, "tokenizer"));
        Assert.Contains("'<|endoftext|>' (1)", Value(run, "  special tokens"));
        Assert.AreEqual(@"'{input}\n' (default)", Value(run, "template"));
        Assert.AreEqual("none", Value(run, "ignored tensors"));
        Assert.Contains(lease.Base.Identity.Weights, run.Out);
    }

    [TestMethod]
    public void Run_OfEncoderDecoderBase_HasBothStacks()
    {
        ToolRun run = ToolFolder.Run("inspect", TinyBase.Folder("t5"));
        Assert.AreEqual("t5 (encoder-decoder)", Value(run, "family"));
        Assert.Contains("layers", Value(run, "encoder"));
        Assert.Contains("layers", Value(run, "decoder"));
        Assert.AreEqual("'{input}' (default)", Value(run, "template"));
    }

    [TestMethod]
    public void Run_OfRows_LengthsAgainstTheWindowAndWhatDoesNotFit()
    {
        string longRow = string.Concat(Enumerable.Repeat("pub ", 400));
        string rows = _folder.Write("rows.csv", ["Input,Label",
            .. TinyBase.Rows(9).Select(row => $"\"{row.Input}\",{row.Label}"), $"{longRow},a pub"]);
        using var lease = TinyBase.Hold();
        int Tokens(string text) => lease.Base.Tokenizer.Encode(text).Length;
        int[] prompts = [.. TinyBase.Rows(9).Select(row => Tokens(row.Input + "\n")), Tokens(longRow + "\n")];
        int[] targets = [.. TinyBase.Rows(9).Select(row => Tokens(row.Label) + 1), Tokens("a pub") + 1];

        ToolRun run = ToolFolder.Run("inspect", rows, "--base", ToolFolder.Base, "--input", "Input", "--label", "Label",
            "--prefix-length", "12");

        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual("10", Value(run, "rows"));
        Assert.AreEqual("320 tokens, 12 of them the prefix", Value(run, "window"));
        Assert.StartsWith(
            $"{prompts.Min()} to {prompts.Max():N0} tokens, half at most {prompts.Order().ElementAt(4)}, ",
            Value(run, "input"));
        Assert.StartsWith($"{targets.Min()} to {targets.Max()} tokens", Value(run, "wanted text"));
        Assert.EndsWith("# 1", Value(run, "  over 308"));
        Assert.StartsWith("1 of 10 rows do not fit", Value(run, "truncated"));
        Assert.Contains($"rows.csv, line 11: {prompts[^1] + targets[^1]:N0} tokens", run.Out);
    }

    [TestMethod]
    public void Run_OfRowsWithoutALabel_LeavesRoomForATextAndWantsAnInput()
    {
        string rows = _folder.WriteRows("rows.jsonl");

        ToolRun run = ToolFolder.Run("inspect", rows, "--base", ToolFolder.Base, "--input", "Input");
        ToolRun wrong = ToolFolder.Run("inspect", rows, "--base", ToolFolder.Base);

        Assert.StartsWith("128 to 128 tokens", Value(run, "room for a text"));
        Assert.AreEqual("none", Value(run, "truncated"));
        Assert.AreEqual(ExitCode.Usage, wrong.Code);
        Assert.Contains("--input", wrong.Error);
    }

    [TestMethod]
    [DataRow("--prefix-length", "-3", "expected 0 to 2147483647, found -3.")]
    [DataRow("--prefix-length", "2147483648", "expected 0 to 2147483647, found 2147483648.")]
    [DataRow("--prefix-length", "few", "expected 0 to 2147483647, found few.")]
    [DataRow("--template", "x", "expected {input} exactly once, found 'x'.")]
    [DataRow("--template", "{input}{input}", "expected {input} exactly once, found '{input}{input}'.")]
    public void Run_OfRowsWithABadValue_NamesTheOptionAndWhatItTakes(string option, string value, string expected)
    {
        ToolRun run = ToolFolder.Run("inspect", _folder.WriteRows("rows.jsonl"), "--base", ToolFolder.Base, "--input",
            "Input", option, value);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.StartsWith($"prefix-tune: {option}: {expected} See ", run.Error);
    }

    [TestMethod]
    public void Run_OfRowsWithATemplate_ReadsItAsTrainDoes()
    {
        string[] command =
            ["inspect", _folder.WriteRows("rows.jsonl"), "--base", ToolFolder.Base, "--input", "Input", "--template"];
        ToolRun written = ToolFolder.Run([.. command, "a\n\n{input}\t"]);
        ToolRun typed = ToolFolder.Run([.. command, @"a\n\n{input}\t"]);
        ToolRun wrong = ToolFolder.Run([.. command, @"a\r{input}"]);
        Assert.AreEqual(ExitCode.Done, typed.Code, typed.Error);
        Assert.AreEqual(written.Out, typed.Out);
        Assert.AreEqual(ExitCode.Usage, wrong.Code);
        Assert.Contains(@"--template: expected \n, \t or \\", wrong.Error);
    }

    [TestMethod]
    public void Run_OfRowsWithTheNameOfTheChatTemplate_CountsItsTokens()
    {
        using TemporaryFolder chatting = new TemporaryFolder().CopyFrom(ToolFolder.Base);
        File.WriteAllText(chatting["chat_template.jinja"], ChatTexts.SmolLM2);
        string template = BaseModel.FromFolder(chatting.Path).OpenChatTemplate();
        string[] command =
            ["inspect", _folder.WriteRows("rows.jsonl"), "--base", chatting.Path, "--input", "Input", "--template"];

        ToolRun named = ToolFolder.Run([.. command, "@chat"]), written = ToolFolder.Run([.. command, template]);

        Assert.AreEqual(ExitCode.Done, named.Code, named.Error);
        Assert.AreEqual(written.Out, named.Out);
    }

    [TestMethod]
    public void Run_OfRowsWithoutABase_AsksForIt()
    {
        ToolRun run = ToolFolder.Run("inspect", _folder.WriteRows("rows.jsonl"), "--input", "Input");
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("--input goes with a file of rows and --base", run.Error);
    }

    [TestMethod]
    public void Run_OfSavedModel_NeedsNoBase()
    {
        string copy = _folder["base"];
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(ToolFolder.Base))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        string model = _folder["moved.zip"];
        ToolRun train = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", copy, "--input", "Input",
            "--label", "Label", "--model", model,
            "--prefix-length", "4", "--max-steps", "2", "--max-new-tokens", "7");
        Assert.AreEqual(ExitCode.Done, train.Code, train.Error);
        Directory.Delete(copy, recursive: true);
        ToolRun run = ToolFolder.Run("inspect", model);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual("Input -> Output", Value(run, "columns"));
        Assert.AreEqual("greedy, at most 7 tokens", Value(run, "generation"));
        Assert.AreEqual("4 tokens, in front of everything", Value(run, "prefix"));
        Assert.AreEqual("3 layers, 2 key/value heads of size 8, 4 tokens", Value(run, "  decoder attention"));
        Assert.AreEqual(copy, Value(run, "  when saved at"));
        Assert.AreEqual(64, Value(run, "  weights").Length);
        Assert.StartsWith("completed after 2 steps", Value(run, "training"));
        Assert.AreEqual("384 trained, 384 stored", Value(run, "parameters"));
    }

    [TestMethod]
    public void Run_OfAModelOfAMemory_SaysThatItHasNoTokens()
    {
        string model = _folder["memory.zip"];
        ToolRun train = ToolFolder.Run("train", _folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input",
            "Input", "--label", "Label", "--model", model, "--method", "memory", "--max-steps", "2");
        Assert.AreEqual(ExitCode.Done, train.Code, train.Error);
        ToolRun run = ToolFolder.Run("inspect", model);
        Assert.AreEqual("a memory outside of the softmax, without tokens", Value(run, "prefix"));
        Assert.AreEqual("3 layers, 6 query heads of size 8, a matrix of 8 by 8 each",
            Value(run, "  decoder attention"));
        Assert.AreEqual("1,152 (4.5 KB)", Value(run, "  numbers"));
        Assert.AreEqual("tokens keep their positions; asked by every token", Value(run, "  convention"));
        Assert.AreEqual("1,152 trained, 1,152 stored", Value(run, "parameters"));
    }

    [TestMethod]
    public void Run_OfSavedModelWithOtherGeneration_ShowsWhatChangesItsTexts()
    {
        ToolFolder.Run("convert", _folder.Train(), _folder["prefix.safetensors"]);
        ToolRun made = ToolFolder.Run("convert", _folder["prefix.safetensors"], _folder["other.zip"], "--base",
            ToolFolder.Base, "--input", "Input", "--output", "Output", "--decoding", "sampling", "--max-new-tokens",
            "6", "--min-new-tokens", "2", "--repetition-penalty", "1.5", "--sequence-count", "3");
        Assert.AreEqual(ExitCode.Done, made.Code, made.Error);
        string generation = Value(ToolFolder.Run("inspect", _folder["other.zip"]), "generation");
        Assert.StartsWith("sampling, temperature 1, ", generation);
        Assert.DoesNotContain("draw column name", generation);
        Assert.EndsWith(", at most 6 tokens, min new tokens 2, repetition penalty 1.5, sequence count 3", generation);
    }

    [TestMethod]
    public void Run_OfSavedModelWithWords_QuotesThem()
    {
        string model = _folder.Train(options: ["--stop-strings", "a b", "--stop-strings",
            "\\n\\t", "--banned-words", "c\\\\d"]);
        Assert.EndsWith(" tokens, banned words 'c\\\\d', stop strings 'a b' '\\n\\t'",
            Value(ToolFolder.Run("inspect", model), "generation"));
    }

    [TestMethod]
    public void Run_OfSavedModelAndHowABaseIsCut_IsRefused()
    {
        ToolRun run = ToolFolder.Run("inspect", _folder.Train(), "--pre-tokenizer", "gpt-2");
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("--pre-tokenizer goes with a .gguf file as the base, found", run.Error);
    }

    [TestMethod]
    public void Run_OfModelWithAttribute_ListsTheValues()
    {
        ToolRun run = ToolFolder.Run("inspect", _folder.TrainTones());
        Assert.AreEqual(("Input, Tone -> Output", "one for each value of 'Tone'"),
            (Value(run, "columns"), Value(run, "prefixes")));
        Assert.AreEqual(("4 tokens", "4 tokens", "refused"),
            (Value(run, "  'calm'"), Value(run, "  'loud'"), Value(run, "  other values")));
        ToolRun shared =
            ToolFolder.Run("inspect", _folder.TrainTones("shared.zip", "--unseen-attribute", "use-shared-part"));
        Assert.StartsWith("1 token, ", Value(shared, "  other values"));
        Assert.AreEqual("4 tokens", Value(shared, "  'calm'"));
    }

    [TestMethod]
    public void Run_OfTriggerWords_ShowsThem()
    {
        string model = _folder.Train(options: ["--method", "trigger-words:2"]);
        TrainingSummary summary = SavedModelFile.Read(model).Single().Saved.Training!;
        Assert.IsNotEmpty(summary.TriggerWords!);
        string[] shown = [.. summary.TriggerWords!.Select(word => $"'{word}'")];
        Assert.AreEqual(string.Join(' ', shown), Value(ToolFolder.Run("inspect", model), "trigger words"));
    }

    [TestMethod]
    public void Run_OfTextAsItIs_SaysThatNothingWasTrained()
    {
        string model = _folder.Train(options: ["--method", "text"]);
        Assert.AreEqual("nothing was trained", Value(ToolFolder.Run("inspect", model), "training"));
    }

    [TestMethod]
    public void Run_OfPrefixAndAdapter_SaysTheirSizes()
    {
        string model = _folder.Train();
        ToolFolder.Run("convert", model, _folder["prefix.safetensors"]);
        ToolRun prefix = ToolFolder.Run("inspect", _folder["prefix.safetensors"]);
        Assert.AreEqual("4 tokens, in front of everything", Value(prefix, "prefix"));
        ToolFolder.Run("convert", model, _folder["adapter"], "--base-name", "some/base");
        ToolRun adapter = ToolFolder.Run("inspect", _folder["adapter"]);
        Assert.AreEqual("PEFT PREFIX_TUNING, CAUSAL_LM", Value(adapter, "adapter"));
        Assert.AreEqual(("4", "'some/base'"), (Value(adapter, "  num_virtual_tokens"), Value(adapter, "base")));
        Assert.AreEqual("F32 [4, 96]", Value(adapter, "'prompt_embeddings'"));
    }

    [TestMethod]
    public void Run_OfSomethingElse_SaysSo()
    {
        Assert.AreEqual(ExitCode.Failed, ToolFolder.Run("inspect", _folder.Write("notes.txt", "hello")).Code);
        ToolRun zip = ToolFolder.Run("inspect", _folder.Write("broken.zip", "hello"));
        Assert.AreEqual(ExitCode.Failed, zip.Code);
        Assert.Contains("broken.zip: expected a saved model", zip.Error);
        ToolRun folder = ToolFolder.Run("inspect", _folder.Folder);
        Assert.AreEqual(ExitCode.Failed, folder.Code);
        Assert.Contains("config.json", folder.Error);
    }

    private static string Value(ToolRun run, string name)
    {
        string line = run.Lines.Single(line => line.StartsWith(name + "  ", StringComparison.Ordinal));
        return line[name.Length..].Trim();
    }
}
