using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>A GGUF file as it is described in it: what it is, without its weights.</summary>
/// <param name="Path">The file, absolute.</param>
/// <param name="Spec">
/// What it is. Its context ends where its smallest window does: llama.cpp hides a prefix by its distance, where this
/// library lets every token see it; within the window there is no difference.
/// </param>
/// <param name="Architecture">How llama.cpp calls it.</param>
/// <param name="Tokenizers">Its tokenizers, each read when it is first asked for.</param>
/// <param name="AllEndIds">Ids that end a text by today's rules.</param>
/// <param name="Rules">The rules of texts.</param>
internal sealed record LlamaBase(string Path, TransformerSpec Spec, GgufArchitecture Architecture,
    BaseTokenizers Tokenizers, IReadOnlyList<int> AllEndIds, TextRules Rules)
{
    // Those whose texts with a prefix were compared with this library's own (LlamaCppFamilyTests).
    private static readonly string[] Confirmed = ["gpt2", "gptneox", "llama", "qwen2", "qwen3"];

    // Of these the one whose heads may be rotated in part: where others' are, llama.cpp ends the process.
    private const string PartlyRotated = "gptneox";

    // Of ggml's tensors (TENSOR_ALIGNMENT), which lie in the mapped file.
    private const uint LeastAlignment = 32;

    /// <summary>Makes tokens of texts.</summary>
    public PretrainedTokenizer Tokenizer => Tokenizers.By(Rules);

    /// <summary>Ids that end a text.</summary>
    public IReadOnlyList<int> EndIds => Rules.Version > 1 ? AllEndIds : Spec.Tokens.Ends;

    /// <summary>What today's rules do otherwise than these; empty where nothing is.</summary>
    public IEnumerable<string> FormerRules => FrozenBase.FormerRulesOf(Path, Tokenizer, AllEndIds, EndIds);

    /// <summary>This file by other rules; nothing is read anew but its tokenizer, once for all who ask.</summary>
    public LlamaBase By(TextRules rules) => this with { Rules = rules };

    /// <summary>Reads the description of a file.</summary>
    /// <param name="baseModel">The file.</param>
    /// <exception cref="FormatException">It is broken or contradicts itself.</exception>
    /// <exception cref="NotSupportedException">It is not read here, or llama.cpp's texts of its kind were not compared
    /// with this library's.</exception>
    public static LlamaBase Read(BaseModel baseModel)
    {
        string path = baseModel.Path, name = System.IO.Path.GetFileName(path);
        if (Directory.Exists(path))
        {
            throw new NotSupportedException($"Base model '{path}': expected a .gguf file, the only kind that llama.cpp"
                + " reads, found a folder.");
        }
        using GgufModel gguf = GgufModel.Open(path);
        CheckKind(gguf.Spec, gguf.Architecture, name);
        CheckFile(gguf);
        TransformerSpec spec = gguf.Spec with { ContextLength = Context(gguf.Spec) };
        return new LlamaBase(path, spec, gguf.Architecture, new BaseTokenizers(path, spec.VocabularySize),
            gguf.EndIds, baseModel.Rules);
    }

    /// <summary>Reads the description of a file, by the rules of texts that prefixes were trained by.</summary>
    /// <exception cref="InvalidOperationException">They were trained by several that differ for it.</exception>
    /// <inheritdoc cref="Read(BaseModel)"/>
    public static LlamaBase Read(BaseModel baseModel, IEnumerable<Prefix> prefixes)
    {
        LlamaBase read = Read(baseModel);
        TextRules? rules = PrefixRules.Of(read.Path, read.Rules, former => read.By(former).FormerRules.Any(), prefixes);
        return rules is null ? read : read.By(rules);
    }

    /// <summary>Refuses what llama.cpp may compute otherwise than this library.</summary>
    /// <exception cref="NotSupportedException">It may.</exception>
    public static void CheckKind(TransformerSpec spec, GgufArchitecture architecture, string name)
    {
        if (!Confirmed.Contains(architecture.Name))
        {
            throw new NotSupportedException($"{name}: llama.cpp as the engine: expected one of the architectures"
                + $" {string.Join(", ", Confirmed)}, whose texts with prefixes were compared with this library's own,"
                + $" found {architecture.Name}. Use GenerateText or CreateGenerator of the base instead.");
        }
        if (spec.Decoder.Positions is RotaryPositions
            {
                Full.Scaling: not (NoScaling or DivisorScaling
                { AttentionFactor: 1 }) and var scaling
            })
        {
            throw new NotSupportedException($"{name}: llama.cpp as the engine: expected rotary frequencies as they are"
                + $" or with divisors (rope_freqs), found {scaling.GetType().Name}, whose texts were not compared with"
                + " this library's own.");
        }
        int size = spec.Decoder.Heads.Size;
        if (spec.Decoder.Positions is RotaryPositions { Full.RotatedSize: var rotated } && rotated != size
            && architecture.Name != PartlyRotated)
        {
            throw new NotSupportedException($"{name}: llama.cpp as the engine: expected heads of {architecture.Name}"
                + $" that are rotated as a whole, {size} elements, found {rotated}.");
        }
    }

    // llama.cpp asserts some of what it does not check: the process would end.
    private static void CheckFile(GgufModel gguf)
    {
        if (gguf.Alignment < LeastAlignment)
        {
            throw new NotSupportedException($"{gguf.Name}: 'general.alignment': llama.cpp as the engine: expected"
                + $" {LeastAlignment} or more, found {gguf.Alignment}.");
        }
        new WeightCheck(gguf.Names, gguf).Find(WeightList.Of(gguf.Spec, gguf.Names));
    }

    /// <summary>Tokens that prefix, prompt and new tokens may have together.</summary>
    public static int Context(TransformerSpec spec) =>
        Math.Min(spec.ContextLength, spec.Decoder.Windows.Min() ?? int.MaxValue);
}
