using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.ML.PrefixTuning.Text;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// A frozen model read from a checkpoint folder or a GGUF file, with its identity. Owns the model. Users share one
/// through <see cref="Acquire"/>.
/// </summary>
internal sealed class FrozenBase : IDisposable
{
    // What a folder is read from; anything else in it is none of our business.
    private static readonly string[] FileNames =
    [
        "config.json", "generation_config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
        "tokenizer.model", "spiece.model", "chat_template.jinja",
    ];

    private readonly BaseTokenizers _tokenizers;
    private readonly Lazy<BaseIdentity> _identity;
    private readonly FileStamps _stamps;
    private readonly IReadOnlyList<int> _endIds;
    private readonly bool _isOwner;
    private readonly IDisposable? _use;
    private readonly IDisposable? _source;
    private IDisposable? _files;
    private BaseOrigin? _origin;

    private FrozenBase(string path, FileStamps stamps, Loaded loaded)
    {
        (Path, _stamps, Model, _endIds, _source) = (path, stamps, loaded.Model, loaded.EndIds, loaded.Source);
        _use = FilesInUse.Hold($"the base model '{path}'", Files(path));
        // A refusal is not kept: the files may be put back.
        _identity = new Lazy<BaseIdentity>(ReadIdentity, LazyThreadSafetyMode.PublicationOnly);
        _tokenizers = new BaseTokenizers(path, Model.Spec.VocabularySize);
        (Rules, _isOwner) = (TextRules.Latest, true);
    }

    // The same base by other rules; owns nothing.
    private FrozenBase(FrozenBase shared, TextRules rules)
    {
        (Path, _stamps, Model, _endIds) = (shared.Path, shared._stamps, shared.Model, shared._endIds);
        (_identity, _tokenizers, _origin, Rules) = (shared._identity, shared._tokenizers, shared._origin, rules);
    }

    /// <summary>Folder or GGUF file, absolute.</summary>
    public string Path { get; }

    /// <summary>
    /// Name and place that a saved model records: those of the files, or where files in a temporary folder came from.
    /// </summary>
    public BaseOrigin Origin => _origin ?? new BaseOrigin(BaseLocator.NameOf(Path), Path);

    public LanguageModel Model { get; }

    /// <summary>Which model this is, wherever its files lie; hashed when it is first asked for.</summary>
    /// <exception cref="InvalidOperationException">The files changed since they were loaded.</exception>
    public BaseIdentity Identity => _identity.Value;

    /// <summary>By which rules texts become tokens and end.</summary>
    public TextRules Rules { get; }

    /// <summary>Ids that end a text; targets end with the first.</summary>
    public IReadOnlyList<int> EndIds => Rules.Version > 1 ? _endIds : Model.Spec.Tokens.Ends;

    /// <summary>What today's rules do otherwise than this base's; empty where nothing is.</summary>
    public IEnumerable<string> FormerRules => FormerRulesOf(Path, Tokenizer, _endIds, EndIds);

    /// <summary>The base's tokenizer, read when it is first asked for.</summary>
    /// <exception cref="FormatException">A file is broken or contradicts itself.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public PretrainedTokenizer Tokenizer => _tokenizers.By(Rules);

    /// <summary>What today's rules do otherwise than those of a tokenizer and of some ids that end a text.</summary>
    /// <param name="path">The base, for messages.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="allEndIds">Ids that end a text by today's rules.</param>
    /// <param name="endIds">Ids that end one by those.</param>
    public static IEnumerable<string> FormerRulesOf(string path, PretrainedTokenizer tokenizer,
        IReadOnlyCollection<int> allEndIds, IReadOnlyCollection<int> endIds) =>
        allEndIds.Count == endIds.Count ? tokenizer.FormerRules
        : tokenizer.FormerRules.Append(
            $"{System.IO.Path.GetFileName(path)}: the tokens {string.Join(", ", allEndIds.Except(endIds))}, "
            + "which end a turn or a message, do not end a text, today they do");

    /// <summary>This base by other rules. Model and tokenizers are shared, and this one stays their owner.</summary>
    public FrozenBase By(TextRules rules) => rules == Rules ? this : new FrozenBase(this, rules);

    /// <summary>The files that a base is read from.</summary>
    public static IEnumerable<string> Files(string path)
    {
        if (!Directory.Exists(path))
            return GgufSplit.Files(path);
        // Beside a file with all weights, others of its kind are prefixes or adapters, not shards.
        bool isSharded = !File.Exists(System.IO.Path.Combine(path, CheckpointFolder.SingleFile));
        return Directory.EnumerateFiles(path).Where(file => FileNames.Contains(System.IO.Path.GetFileName(file))
            || isSharded && file.EndsWith(".safetensors", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
    }

    /// <summary>
    /// Names of tensors that the files hold and the model does not use: known buffers and empty ones.
    /// </summary>
    public IReadOnlyList<string> IgnoredTensors => Model.Weights.Ignored;

    /// <summary>Takes a share of a base; the first one loads it, the last one to be disposed frees it.</summary>
    /// <param name="path">A folder with config.json, safetensors and tokenizer files, or a GGUF file.</param>
    /// <param name="form">How its numbers are kept.</param>
    /// <param name="device">Where its weights go.</param>
    /// <param name="rules">By which rules texts become tokens and end; null for today's.</param>
    /// <exception cref="FormatException">A file is broken or contradicts itself.</exception>
    /// <exception cref="NotSupportedException">A file is well-formed but not of a kind that is read here.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static BaseLease Acquire(string path, BaseForm form, Device device, TextRules? rules = null) =>
        BasePool.Shared.Acquire(FileStamps.Of(path).Key, form, device, () => Load(path, form, device))
            .By(rules ?? TextRules.Latest);

    /// <summary>Takes a share of a base whose content is known before its files lie anywhere.</summary>
    /// <param name="content">The content as a text, the same for the same one; no path.</param>
    /// <param name="form">How its numbers are kept.</param>
    /// <param name="device">Where its weights go.</param>
    /// <param name="load">Reads it where nobody has it.</param>
    public static BaseLease AcquireByContent(string content, BaseForm form, Device device, Func<FrozenBase> load) =>
        BasePool.Shared.Acquire(content, form, device, load);

    /// <summary>Reads a base that is shared with nobody.</summary>
    /// <inheritdoc cref="Acquire"/>
    public static FrozenBase Load(string path, BaseForm form, Device device)
    {
        form.Check(device);
        // Weights outlive whatever scope the caller has open, and gradients never reach them.
        using var noGradient = no_grad();
        path = System.IO.Path.GetFullPath(path);
        // Taken before anything is read: what is replaced meanwhile is noticed.
        FileStamps stamps = FileStamps.Of(path);
        using Activity? activity = SignalSource.Start("prefix_tuning.load_base", BaseLocator.NameOf(path));
        return SignalSource.Within(activity, () => new FrozenBase(path, stamps, File.Exists(path)
            ? LoadGguf(path, form, device) : LoadFolder(path, form, device)));
    }

    /// <summary>Takes ownership of what the files lie in; it is disposed after the model.</summary>
    /// <param name="files">What they lie in.</param>
    /// <param name="origin">Where they came from.</param>
    public void TakeFiles(IDisposable files, BaseOrigin origin) => (_files, _origin) = (files, origin);

    /// <summary>Refuses files that are no longer those that the model was loaded from.</summary>
    /// <exception cref="InvalidOperationException">One changed, came or went.</exception>
    public void CheckFiles()
    {
        if (_stamps.Change() is { } name)
        {
            throw new InvalidOperationException(
                $"Base model '{Path}': expected the files that it was loaded from, found '{name}' changed since."
                + " What was made with the loaded base must not be saved as made for another one: load the base and"
                + " fit anew, or save the prefix alone (Prefix.Save).");
        }
    }

    public void Dispose()
    {
        if (!_isOwner)
            return;
        Model.Dispose();
        _source?.Dispose();
        _use?.Dispose();
        _files?.Dispose();
    }

    /// <summary>Refuses a prefix that says that it was made for another base.</summary>
    /// <param name="prefix">A prefix; one that says nothing fits every base of its shape.</param>
    /// <exception cref="InvalidOperationException">
    /// It was made for another base, has another shape, or leaves no room for a token in the context window.
    /// </exception>
    public void Check(Prefix prefix)
    {
        PrefixTensors.Check(prefix, Model.Spec);
        if (prefix.Convention.TakesPositions && prefix.Length >= Model.Spec.ContextLength)
        {
            throw new InvalidOperationException($"Prefix: expected fewer than {Model.Spec.ContextLength} tokens, the"
                + $" context window of '{Path}', found {prefix.Length}.");
        }
        if (prefix.Base?.Difference(Identity) is { } difference)
        {
            throw new InvalidOperationException(
                $"Prefix: it was made for another base model than '{Path}': {difference}.");
        }
    }

    private BaseIdentity ReadIdentity()
    {
        CheckFiles();
        using ITensorSource source = Directory.Exists(Path) ? CheckpointFolder.Open(Path) : GgufFile.Open(Path);
        BaseIdentity identity = BaseIdentity.Of(Model.Spec, source.ContentHash());
        // Once more: they may have been replaced while they were read.
        CheckFiles();
        return identity;
    }

    private static Loaded LoadFolder(string folder, BaseForm form, Device device)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException(
                $"Base model '{folder}': expected a folder (config.json, model.safetensors, tokenizer files) or a"
                    + " .gguf file, found nothing.");
        ModelConfig config = ModelConfig.Read(System.IO.Path.Combine(folder, "config.json"));
        Family family = Family.Of(config);
        TransformerSpec spec = WithGenerationConfig(family.Describe(config), config, folder);
        TensorNames names = family.Names(spec, config) with { AskedBy = config.File };
        return Bind(CheckpointFolder.Open(folder), form, device, _ => (spec, names, spec.Tokens.Ends));
    }

    private static Loaded LoadGguf(string path, BaseForm form, Device device) =>
        Bind(GgufModel.Open(path), form, device, gguf => (gguf.Spec, gguf.Names, gguf.EndIds));

    /// <summary>Reads the weights; the source is closed unless they stay in it.</summary>
    private static Loaded Bind<T>(T source, BaseForm form, Device device,
        Func<T, (TransformerSpec, TensorNames, IReadOnlyList<int>)> describe)
        where T : ITensorSource
    {
        bool stays = false;
        try
        {
            (TransformerSpec spec, TensorNames names, IReadOnlyList<int> ends) = describe(source);
            var model = new LanguageModel(spec,
                WeightBinder.Bind(spec, names, source, form.Type, device, form.Matrices))
            { IsFrozen = true };
            stays = form.AsStored;
            return new Loaded(model, ends, stays ? source : null);
        }
        finally
        {
            if (!stays)
                source.Dispose();
        }
    }

    /// <summary>
    /// The ids of generation_config.json go before those of config.json, as in the reference; rules of the output come
    /// from the first of the two files that is there.
    /// </summary>
    private static TransformerSpec WithGenerationConfig(TransformerSpec spec, ModelConfig asked, string folder)
    {
        string path = System.IO.Path.Combine(folder, "generation_config.json");
        ModelConfig config = File.Exists(path) ? ModelConfig.Read(path) : asked;
        TokenIds own = config.Tokens(spec.VocabularySize);
        return spec with
        {
            Output = spec.IsEncoderDecoder ? config.Output(spec.VocabularySize) : spec.Output,
            Tokens = spec.Tokens with
            {
                Begin = own.Begin ?? spec.Tokens.Begin,
                Ends = own.Ends.Count > 0 ? own.Ends : spec.Tokens.Ends,
                Padding = own.Padding ?? spec.Tokens.Padding,
                DecoderStart = own.DecoderStart ?? spec.Tokens.DecoderStart,
            },
        };
    }

    /// <summary>A model, and what its weights lie in where they stay in their file.</summary>
    private sealed record Loaded(LanguageModel Model, IReadOnlyList<int> EndIds, IDisposable? Source);
}

/// <summary>Where a base came from.</summary>
/// <param name="Name">Folder or file name, for messages.</param>
/// <param name="Path">Folder or GGUF file, absolute where it was.</param>
internal sealed record BaseOrigin(string Name, string Path);
