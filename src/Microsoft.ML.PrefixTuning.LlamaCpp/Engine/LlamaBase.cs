using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
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
/// <param name="Tokenizer">Makes tokens of texts.</param>
/// <param name="AllEndIds">Ids that end a text by today's rules.</param>
/// <param name="Rules">The rules of texts.</param>
internal sealed record LlamaBase(string Path, TransformerSpec Spec, GgufArchitecture Architecture,
    PretrainedTokenizer Tokenizer, IReadOnlyList<int> AllEndIds, TextRules Rules)
{
    // Those whose texts with a prefix were compared with this library's own (LlamaCppFamilyTests).
    private static readonly string[] Confirmed = ["gpt2", "gptneox", "llama", "qwen2", "qwen3"];

    /// <summary>Ids that end a text.</summary>
    public IReadOnlyList<int> EndIds => Rules.Version > 1 ? AllEndIds : Spec.Tokens.Ends;

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
        using GgufFile file = GgufFile.Open(path);
        GgufArchitecture architecture = GgufArchitecture.Of(file);
        CheckKind(gguf.Spec, architecture, name);
        TransformerSpec spec = gguf.Spec with { ContextLength = Context(gguf.Spec) };
        return new LlamaBase(path, spec, architecture, BaseTokenizers.Open(path, baseModel.Rules),
            gguf.EndIds, baseModel.Rules);
    }

    /// <summary>A file by the rules of texts that prefixes were trained by.</summary>
    /// <exception cref="InvalidOperationException">They were trained by several that differ for it.</exception>
    public static BaseModel ByRulesOf(BaseModel baseModel, IEnumerable<Prefix> prefixes)
    {
        TextRules? rules = PrefixRules.Of(baseModel.Path, baseModel.Rules, former =>
        {
            LlamaBase one = Read(baseModel with { Rules = former });
            return one.Tokenizer.FormerRules.Count > 0 || one.EndIds.Count != one.AllEndIds.Count;
        }, prefixes);
        return rules is null ? baseModel : baseModel with { Rules = rules };
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
    }

    private static int Context(TransformerSpec spec) =>
        Math.Min(spec.ContextLength, spec.Decoder.Windows.Min() ?? int.MaxValue);
}
