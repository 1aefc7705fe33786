using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Peft;

/// <summary>
/// Folders of PEFT's prefix tuning and prompt tuning, in and out. A row of <c>prompt_embeddings</c> [P, 2 * N * G * D]
/// holds the keys of layer 0, the values of layer 0, the keys of layer 1, ..., each [G, D].
/// </summary>
/// <remarks>
/// For an encoder-decoder model PEFT joins the stored layers with themselves and hands every fourth part on: decoder
/// layer i gets stored layer 2i mod N, and encoder and cross-attention get none (src/peft/peft_model.py, get_prompt).
/// </remarks>
internal static class PeftAdapter
{
    /// <summary>Name of the weight file.</summary>
    public const string WeightFile = "adapter_model.safetensors";

    private const string Rows = "prompt_embeddings";

    /// <summary>Reads a folder as a prefix. A prompt is baked: the base is run over its embeddings.</summary>
    /// <param name="folder">A folder with adapter_config.json and adapter_model.safetensors.</param>
    /// <param name="model">The base for which it was made.</param>
    /// <exception cref="DirectoryNotFoundException">The folder is missing.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="FormatException">A file is broken or contradicts another.</exception>
    /// <exception cref="NotSupportedException">It is another kind of adapter, or a pickle.</exception>
    /// <exception cref="InvalidOperationException">It was made for another base.</exception>
    public static Prefix Import(string folder, LanguageModel model)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException(
                $"Adapter '{folder}': expected a folder with {PeftConfig.File} and {WeightFile}, found nothing.");
        PeftConfig config = PeftConfig.Read(folder, model.Spec);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor rows = ReadRows(folder, config);
        SitePrefix part = config.IsPrompt ? Bake(rows, model) : Unpack(rows, config, model.Spec.Decoder);
        return new Prefix([new(AttentionSite.Decoder, part)], PrefixConvention.Peft);
    }

    /// <summary>Writes a prefix as a folder that PEFT reads with the same logits.</summary>
    /// <param name="prefix">A prefix of the decoder's own attention.</param>
    /// <param name="folder">The folder; made where it is missing.</param>
    /// <param name="spec">The base of the prefix.</param>
    /// <param name="baseModel">Name or path of the base in Python's world, for the config; null for none.</param>
    /// <exception cref="InvalidOperationException">
    /// PEFT would read the prefix otherwise than it is meant, or it does not fit the base.
    /// </exception>
    /// <exception cref="IOException">Writing failed; the former files are untouched.</exception>
    public static void Export(Prefix prefix, string folder, TransformerSpec spec, string? baseModel = null)
    {
        PrefixTensors.Check(prefix, spec);
        RefuseLoss(prefix, spec);
        SitePrefix part = prefix.Part(AttentionSite.Decoder)!;
        int layers = spec.IsEncoderDecoder ? 2 * part.Layers : part.Layers;
        var config = new PeftConfig(IsPrompt: false, spec.IsEncoderDecoder, part.Length, layers, part.KeyValueHeads,
            part.KeyValueHeads * part.HeadSize);
        var rows = SafeTensorsContent.Of(Rows, [part.Length, config.RowWidth], Pack(part, layers));
        WriteTarget.MakeFolder(folder);
        byte[] json = config.ToBytes(baseModel);
        AtomicFile.WriteAll(
            (Path.Combine(folder, WeightFile), stream =>
                SafeTensorsWriter.Write(stream, [rows], new Dictionary<string, string> { ["format"] = "pt" })),
            (Path.Combine(folder, PeftConfig.File), stream => stream.Write(json)));
    }

    private static Tensor ReadRows(string folder, PeftConfig config)
    {
        string path = Path.Combine(folder, WeightFile);
        if (!File.Exists(path))
            Pickle.RefuseFolder(folder, WeightFile);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        string[] others = [.. file.TensorNames.Where(name => name != Rows).Order(StringComparer.Ordinal)];
        if (others.Length > 0 || file.TensorNames.Count == 0)
            throw new FormatException(
                $"{WeightFile}: expected one tensor '{Rows}', found"
                    + $" {(others.Length > 0 ? FileText.Quote(others[0]) : "none")}.");
        TensorInfo info = file.Describe(Rows);
        if (!info.IsFloating)
            throw new FormatException(
                $"{WeightFile}: tensor '{Rows}': expected a floating dtype, found {info.StoredType}.");
        if (info.Shape is not [var tokens, var width] || tokens != config.Tokens || width != config.RowWidth)
        {
            throw new FormatException(
                $"{WeightFile}: tensor '{Rows}': expected shape [{config.Tokens}, {config.RowWidth}]"
                + $" by {PeftConfig.File}, found [{string.Join(", ", info.Shape)}].");
        }
        Tensor rows = file.Read(Rows, ScalarType.Float32);
        return FiniteCheck.AllFinite(rows) ? rows
            : throw new FormatException(
                $"{WeightFile}: tensor '{Rows}': expected finite values, found NaN or infinity (not finite).");
    }

    private static SitePrefix Unpack(Tensor rows, PeftConfig config, StackSpec stack)
    {
        HeadShape heads = stack.Heads;
        Tensor packed =
            rows.view(config.Tokens, config.Layers, 2, heads.KeyValueCount, heads.Size).permute(1, 2, 3, 0, 4);
        if (config.IsEncoderDecoder)
            packed = packed.index_select(0,
                tensor(Enumerable.Range(0, stack.Layers).Select(layer => 2L * layer % config.Layers).ToArray()));
        return new SitePrefix(stack.Layers, heads.KeyValueCount, config.Tokens, heads.Size,
            packed.contiguous().data<float>().ToArray());
    }

    private static SitePrefix Bake(Tensor rows, LanguageModel model)
    {
        int length = (int)rows.size(0);
        using var capture = new KeyValueCapture();
        AttentionPlaces places =
            TokenPlaces.Causal([new RowState(0, 0, length)], length, 0, length, PrefixConvention.Peft);
        model.Decode(rows.unsqueeze(0).to(model.Type).to(model.Device), places, capture);
        SitePrefix part = capture.Part(AttentionSite.Decoder);
        return part.Values.All(float.IsFinite) ? part
            : throw new FormatException(
                $"{WeightFile}: tensor '{Rows}': the base's keys and values of it are not finite.");
    }

    private static float[] Pack(SitePrefix part, int layers)
    {
        using var scope = NewDisposeScope();
        Tensor packed = AlignedTensor.Of(part.Values, part.Shape, CPU);
        if (layers != part.Layers)
            packed = stack([packed, zeros_like(packed)], 1).flatten(0, 1);
        return packed.permute(3, 0, 1, 2, 4).contiguous().data<float>().ToArray();
    }

    private static void RefuseLoss(Prefix prefix, TransformerSpec spec)
    {
        PrefixConvention convention = prefix.Convention;
        AttentionSite[] others = [.. prefix.Sites.Where(site => site != AttentionSite.Decoder)];
        string? loss = null;
        if (convention.IsMemory)
            loss = "PEFT has keys and values alone; this one is a memory outside of the softmax (PrefixMethod.Memory)";
        else if (others.Length > 0)
            loss = $"PEFT prefixes only the decoder's own attention; lost would be: {string.Join(", ", others)}";
        else if (convention.Placement != PrefixPlacement.Front)
            loss = "PEFT puts a prefix in front of the source; the place behind it would be lost";
        else if (!convention.TakesPositions)
            loss = "PEFT lets tokens start at the position behind the prefix; the positions that this one was trained"
                + " with would be lost";
        else if (!convention.CountsInWindow && spec.Decoder.Windows.Any(window => window is not null))
            loss = "PEFT counts a prefix as columns of the sliding window; that every token sees this one would be"
                + " lost";
        else if (convention.HoldsBeginToken)
            loss = "PEFT puts the tokenizer's begin token behind the prefix; that this one holds it, and rows behind"
                + " it have none, would be lost";
        if (loss is not null)
            throw new InvalidOperationException(
                $"Prefix: it cannot go out as a PEFT folder for this {spec.Family} base: {loss}.");
    }
}
