using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Models;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>
/// A base of any family with weights from a seed and the tokenizer of the tiny llama, and prefixes for it.
/// </summary>
internal sealed class ServedBase : IDisposable
{
    private static readonly MLContext Context = new(seed: 1);
    private readonly TemporaryFolder _folder;

    /// <param name="family">Name of a golden file; <c>tiny-llama</c> and <c>tiny-t5</c> are the trained ones.</param>
    /// <param name="chatTemplate">The chat template it has; null for none.</param>
    public ServedBase(string family, string? chatTemplate = null)
    {
        if (family.StartsWith("tiny-", StringComparison.Ordinal))
        {
            _folder = new TemporaryFolder().CopyFrom(TinyBase.Folder(family["tiny-".Length..]));
        }
        else
        {
            _folder = GoldenLogits.WriteCheckpoint(new GoldenLogits(family).Read());
            foreach (string file in (string[])["tokenizer.json", "tokenizer_config.json"])
                File.Copy(Path.Combine(TinyBase.Folder("llama"), file), _folder[file]);
        }
        if (chatTemplate is not null)
            File.WriteAllText(_folder["chat_template.jinja"], chatTemplate);
        Model = BaseModel.FromFolder(_folder.Path);
        using BaseLease lease = FrozenBase.Acquire(Model.Path, TorchSharp.torch.float32, TorchSharp.torch.CPU);
        TransformerSpec spec = lease.Base.Model.Spec;
        PrefixConvention own = spec.IsEncoderDecoder ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly;
        Prefixes["short"] = Random(spec, 2, own);
        Prefixes["long"] = Random(spec, 9, own);
        Prefixes["other"] = Random(spec, 5, spec.IsEncoderDecoder ? own : PrefixConvention.InfixBeforeLastToken);
        Prefixes["memory"] = Memories.Random(spec, 3, 0.2);
    }

    public BaseModel Model { get; }

    public Dictionary<string, Prefix> Prefixes { get; } = [];

    /// <summary>The texts of rows by a transformer: one row a text, best sequence first.</summary>
    /// <param name="prefix">Name of the prefix of all rows; null for none.</param>
    /// <param name="generation">How they are written.</param>
    /// <param name="texts">The rows.</param>
    public string[][] Transform(string? prefix, GenerationOptions generation, IEnumerable<string> texts)
    {
        var options = new TextGenerationOptions { Generation = generation };
        IDataView rows = Context.Data.LoadFromEnumerable(texts.Select(text => new FaceRow { Input = text }));
        using PrefixTuningTransformer transformer = Context.Transforms.Text.GenerateText("Output", "Input", Model,
            prefix is null ? null : Prefixes[prefix], options).Fit(rows);
        IDataView output = transformer.Transform(rows);
        return generation.SequenceCount == 1
            ? [.. output.GetColumn<string>("Output").Select(text => (string[])[text])]
            : [.. output.GetColumn<string[]>("Output")];
    }

    public void Dispose() => _folder.Dispose();

    private static Prefix Random(TransformerSpec spec, int length, PrefixConvention convention)
    {
        AttentionSite[] sites = spec.IsEncoderDecoder ? Enum.GetValues<AttentionSite>() : [AttentionSite.Decoder];
        var random = new Random(length);
        return new Prefix(sites.Select(site =>
        {
            SiteShape shape = SiteShape.Of(spec, site, length);
            return KeyValuePair.Create(site,
                shape.With([.. Enumerable.Range(0, (int)shape.Count).Select(_ => (float)random.NextDouble() - 0.5f)]));
        }), convention);
    }
}
