using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using LLama.Exceptions;
using LLama.Native;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.LlamaCpp;

/// <summary>
/// A GGUF file that llama.cpp has loaded, and the states of the prefixes that were made ready for it. Owned by those
/// who share it: the last one to release it frees it. Safe for concurrent use.
/// </summary>
internal sealed class LlamaModel
{
    private const int MostCells = 1 << 28;

    private readonly LlamaBase _base;
    private readonly LlamaCppOptions _options;
    private readonly SafeLlamaModelHandle _handle;
    private readonly Lazy<BaseIdentity> _identity;
    private readonly ConditionalWeakTable<Prefix, byte[]> _states = [];
    private readonly Lock _lock = new();
    private readonly IDisposable _use;
    private readonly int _threads;
    private int _users = 1;
    private int _isTokenizerTold;

    private LlamaModel(LlamaBase described, LlamaCppOptions options, int? threads, SafeLlamaModelHandle handle)
    {
        (_base, _options, _handle) = (described, options, handle);
        _threads = threads ?? torch.get_num_threads();
        _use = FilesInUse.Hold($"the base model '{described.Path}'", FrozenBase.Files(described.Path));
        _identity = new Lazy<BaseIdentity>(ReadIdentity);
    }

    public TransformerSpec Spec => _base.Spec;

    /// <summary>Which base the file is; hashed when it is first asked for.</summary>
    public BaseIdentity Identity => _identity.Value;

    /// <summary>What the file says.</summary>
    public LlamaBase Description => _base;

    /// <summary>Lengths of the prefixes that were made ready and that somebody still has.</summary>
    public int[] PrefixLengths() => [.. _states.Select(pair => pair.Key.Length)];

    /// <summary>How numbers lie in states.</summary>
    public StateForm Form => new(Cache, _base.Architecture.RotatesInterleaved);

    /// <summary>Changes each state that is read; for tests of the check.</summary>
    internal Func<byte[], byte[]>? Tampered { get; init; }

    private GGMLType Cache => _options.Cache == LlamaCppCache.Float32 ? GGMLType.GGML_TYPE_F32
        : GGMLType.GGML_TYPE_F16;

    /// <summary>Loads a file, and checks that states of sequences are what they are taken for.</summary>
    /// <param name="described">What the file says.</param>
    /// <param name="options">How it is run.</param>
    /// <param name="threads">Threads that compute; null for as many as libtorch uses.</param>
    /// <param name="tampered">Changes each state that is read; for tests of the check.</param>
    /// <exception cref="FormatException">llama.cpp does not read the file.</exception>
    /// <exception cref="NotSupportedException">This llama.cpp keeps states otherwise.</exception>
    /// <exception cref="InvalidOperationException">llama.cpp is not there or failed.</exception>
    public static LlamaModel Load(LlamaBase described, LlamaCppOptions options, int? threads,
        Func<byte[], byte[]>? tampered = null)
    {
        // Read before much is loaded, so that a broken one costs little.
        _ = described.Tokenizer;
        TokenizerCheck.Compare(options.MadeFor, described);
        NativeBackend.Load();
        var model = new LlamaModel(described, options, threads, LoadFile(described.Path, options))
        {
            Tampered = tampered,
        };
        try
        {
            model.CheckVocabulary();
            new StateCheck(model).Run();
            return model;
        }
        catch
        {
            model.Release();
            throw;
        }
    }

    /// <summary>One more user.</summary>
    /// <exception cref="ObjectDisposedException">There is none any more.</exception>
    public LlamaModel Share()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_users == 0, this);
            _users++;
            return this;
        }
    }

    /// <summary>One user less.</summary>
    public void Release()
    {
        lock (_lock)
        {
            if (--_users > 0)
                return;
            _handle.Dispose();
            _use.Dispose();
        }
    }

    /// <summary>Makes a prefix ready: its state is kept.</summary>
    /// <exception cref="InvalidOperationException">It was made for another model.</exception>
    /// <exception cref="NotSupportedException">llama.cpp cannot use it as this library does.</exception>
    public void Prepare(Prefix prefix)
    {
        PrefixTensors.Check(prefix, Spec);
        PrefixKind.Check(prefix, _options.Cache);
        if (prefix.Length >= Spec.ContextLength)
        {
            throw new InvalidOperationException($"Prefix: expected fewer than {Spec.ContextLength} tokens, the context"
                + $" window of '{_base.Path}', found {prefix.Length}.");
        }
        TokenizerCheck.Compare(prefix, _base);
        bool isOfThisFile = false;
        if (prefix.Base is { } madeFor)
        {
            // Other weights refuse nothing: where nobody is told, the file is not read for their hash.
            BaseIdentity found = _options.Note is null ? BaseIdentity.Of(Spec, madeFor.Weights) : _identity.Value;
            foreach (string line in PrefixKind.Differences(madeFor, found))
                _options.Note?.Invoke(line);
            isOfThisFile = madeFor.Weights == found.Weights;
        }
        if (!isOfThisFile && _options is { MadeFor: null, Note: { } note }
            && Interlocked.Exchange(ref _isTokenizerTold, 1) == 0)
            note(TokenizerCheck.NotCompared);
        Keep(prefix);
    }

    /// <summary>Keeps the state of a prefix, whatever is in it.</summary>
    public void Keep(Prefix prefix)
    {
        lock (_lock)
        {
            if (_states.TryGetValue(prefix, out _))
                return;
            _states.Add(prefix, MakeState(prefix.Part(AttentionSite.Decoder)!));
        }
    }

    /// <summary>The state of a sequence that holds a prefix.</summary>
    public byte[] StateOf(Prefix prefix) => _states.TryGetValue(prefix, out byte[]? state) ? state
        : throw new InvalidOperationException("A prefix was not made ready for llama.cpp.");

    /// <summary>A state that holds some keys and values.</summary>
    public byte[] MakeState(SitePrefix values)
    {
        using SafeLLamaContextHandle context = OpenContext(1, values.Length, values.Length);
        // Any tokens: of their state all but the numbers is taken.
        context.Read(0, StateCheck.Tokens(values.Length, Spec.VocabularySize, first: 1));
        byte[] state = ReadState(context, 0);
        SiteShape shape = SiteShape.Of(Spec, AttentionSite.Decoder, values.Length);
        StateLayout.Read(state, shape, Form).Write(values.Values, state);
        return state;
    }

    /// <summary>The state of a sequence.</summary>
    public byte[] ReadState(SafeLLamaContextHandle context, int sequence)
    {
        byte[] state = context.GetSequence(sequence);
        return Tampered?.Invoke(state) ?? state;
    }

    /// <summary>A context, owned by the caller.</summary>
    /// <param name="sequences">Sequences of its memory.</param>
    /// <param name="cells">Tokens that it holds in all of them.</param>
    /// <param name="batchTokens">Tokens of a batch at most.</param>
    /// <exception cref="InvalidOperationException">There is no memory for it.</exception>
    public SafeLLamaContextHandle OpenContext(int sequences, long cells, int batchTokens)
    {
        LLamaContextParams settings = LLamaContextParams.Default();
        settings.n_ctx = (uint)Math.Clamp(cells, 1, MostCells);
        settings.n_batch = settings.n_ubatch = (uint)batchTokens;
        settings.n_seq_max = (uint)sequences;
        (settings.n_threads, settings.n_threads_batch) = (_threads, _threads);
        (settings.type_k, settings.type_v) = (Cache, Cache);
        // Its fused attention rounds more; on the processor it gains nothing at these lengths.
        settings.llama_flash_attn_type =
            NativeApi.llama_supports_gpu_offload() && _options.Cache == LlamaCppCache.Float16
                ? LLamaFlashAttentionType.LLAMA_FLASH_ATTENTION_TYPE_AUTO
                : LLamaFlashAttentionType.LLAMA_FLASH_ATTENTION_TYPE_DISABLED;
        // One memory for all sequences: a prefix's cells belong to all rows behind it.
        settings.kv_unified = true;
        settings.no_perf = true;
        SafeLLamaContextHandle? context = null;
        try
        {
            context = SafeLLamaContextHandle.Create(_handle, settings);
        }
        catch (RuntimeError fault)
        {
            throw NoContext(cells, sequences, fault);
        }
        return context is { IsInvalid: false } ? context : throw NoContext(cells, sequences, null);
    }

    private static InvalidOperationException NoContext(long cells, int sequences, Exception? fault) => new(
        $"llama.cpp made no context of {cells} tokens in {sequences} sequences: lower CacheTokens, BatchSize or the"
        + $" number of new tokens.{NativeBackend.LastMessages()}", fault);

    private static SafeLlamaModelHandle LoadFile(string path, LlamaCppOptions options)
    {
        LLamaModelParams settings = LLamaModelParams.Default();
        if (options.GpuLayers is { } layers)
            settings.n_gpu_layers = layers;
        try
        {
            return SafeLlamaModelHandle.LoadFromFile(path, settings);
        }
        catch (LoadWeightsFailedException fault)
        {
            throw new FormatException($"Base model '{path}': llama.cpp did not load it.{NativeBackend.LastMessages()}",
                fault);
        }
    }

    private void CheckVocabulary()
    {
        int found = _handle.Vocab.Count;
        if (found != Spec.VocabularySize)
        {
            throw new NotSupportedException($"Base model '{_base.Path}': expected as many tokens as rows of"
                + $" 'token_embd.weight', {Spec.VocabularySize}, found {found} in llama.cpp's vocabulary.");
        }
    }

    private BaseIdentity ReadIdentity()
    {
        using GgufModel gguf = GgufModel.Open(_base.Path);
        return BaseIdentity.Of(gguf.Spec, gguf.ContentHash());
    }
}
