using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tool.Options;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A base in words. It is loaded for this, so that what is described also works.</summary>
internal static class BaseDescription
{
    // Vocabularies may have thousands of special tokens; people look for the first ones.
    private const int ShownTokens = 24;

    /// <summary>Its lines.</summary>
    public static IEnumerable<Described> Of(BaseModel baseModel)
    {
        NativeLibrary.Require();
        // As it is stored: a base that is large beside the memory can be looked at too.
        using BaseLease lease = FrozenBase.Acquire(baseModel.Path, new BaseForm(torch.float32, MatrixForm.AsStored),
            torch.CPU, baseModel.Rules);
        FrozenBase frozen = lease.Base;
        TransformerSpec spec = frozen.Model.Spec;
        return
        [
            new("base", frozen.Path),
            new("family", $"{spec.Family} ({(spec.IsEncoderDecoder ? "encoder-decoder" : "decoder-only")})"),
            new("parameters", FormattableString.Invariant($"{frozen.Model.Weights.Numbers:N0}")),
            new("files", FormattableString.Invariant(
                $"{FrozenBase.Files(frozen.Path).Sum(file => FileStatus.Of(file)?.Bytes ?? 0) / 1048576.0:N1} MB")),
            .. Sizes(spec),
            .. Tokenizer(frozen),
            new("template", $"'{EscapedText.Write(RowEncoder.DefaultTemplate(spec))}' (default)"),
            new("ignored tensors", frozen.IgnoredTensors.Count == 0 ? "none"
                : string.Join(", ", frozen.IgnoredTensors.Select(Quote))),
            new("identity", frozen.Identity.Summary),
            new("  weights", frozen.Identity.Weights),
        ];
    }

    /// <summary>A text from a file, fit for a terminal.</summary>
    public static string Quote(string text) => FileText.Quote(text).Replace("\\u000a", "\\n", StringComparison.Ordinal);

    private static IEnumerable<Described> Sizes(TransformerSpec spec)
    {
        if (spec.Encoder is { } encoder)
            yield return new("encoder", Describe(encoder));
        yield return new("decoder", Describe(spec.Decoder));
        yield return new("width", spec.EmbeddingWidth == spec.Width ? $"{spec.Width}"
            : $"{spec.Width}, embeddings {spec.EmbeddingWidth}");
        yield return new("vocabulary", FormattableString.Invariant($"{spec.VocabularySize:N0}"));
        yield return new("context", spec.ContextLength == int.MaxValue ? "unbounded"
            : FormattableString.Invariant($"{spec.ContextLength:N0} tokens"));
    }

    private static string Describe(StackSpec stack)
    {
        string windows = stack.Windows.Count(window => window is not null) is > 0 and int count
            ? $", window of {stack.Windows.First(window => window is not null)} tokens in {count} layers" : "";
        return $"{stack.Layers} layers, {stack.Heads.Count} heads ({stack.Heads.KeyValueCount} of keys and values) of"
            + $" size {stack.Heads.Size}, "
            + $"feed-forward {stack.FeedForward.Inner}{windows}";
    }

    private static IEnumerable<Described> Tokenizer(FrozenBase frozen)
    {
        PretrainedTokenizer tokenizer = frozen.Tokenizer;
        yield return new("tokenizer",
            FormattableString.Invariant($"{tokenizer.Kind}, {tokenizer.TokenCount:N0} tokens"));
        int[] special = [.. tokenizer.SpecialTokens.Values.Order()];
        yield return new("  in front of a text", Name(tokenizer.Prologue));
        yield return new("  behind a text", Name(tokenizer.Epilogue));
        yield return new("  ends a text", Name(frozen.EndIds));
        yield return new("  special tokens", special.Length == 0 ? "none" : First(special, id => Name([id])));
        int[] plain = [.. tokenizer.PlainAddedTokens.Values.Order()];
        yield return new("  in rows", "special tokens are plain text"
            + (plain.Length == 0 ? "" : $"; one token each: {First(plain, id => Name([id]))}"));
        if (tokenizer.LeftOut.Count > 0)
            yield return new("  without a row", $"{First(tokenizer.LeftOut, Quote)}: left out, plain text");

        string Name(IReadOnlyList<int> ids) => ids.Count == 0 ? "nothing"
            : string.Join(" ", ids.Select(id => tokenizer.TokenOf(id) is { } name ? $"{Quote(name)} ({id})" : $"{id}"));
    }

    private static string First<T>(IReadOnlyCollection<T> items, Func<T, string> shown) =>
        string.Join(", ", items.Take(ShownTokens).Select(shown))
        + (items.Count > ShownTokens ? $" and {items.Count - ShownTokens} more" : "");
}
