using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>A random two-layer model with grouped heads, and rows with a rule that a prefix can learn.</summary>
internal static class TinyTraining
{
    public const int Vocabulary = 40;
    private const int Width = 32, Inner = 48, Layers = 2;

    /// <summary>The model; the caller's.</summary>
    public static LanguageModel Model(int seed = 7)
    {
        var random = new SeededRandom(seed, RandomPurpose.Start);
        var owned = new List<Tensor>();
        var heads = new HeadShape(4, 2, 8);
        var spec = new TransformerSpec
        {
            Family = "tiny",
            VocabularySize = Vocabulary,
            Width = Width,
            EmbeddingWidth = Width,
            ContextLength = 256,
            Head = new OutputHead(Tied: true),
            Tokens = new TokenIds { Ends = [2] },
            Decoder = new StackSpec
            {
                Layers = Layers,
                Heads = heads,
                Norm = new NormSpec(NormKind.RootMeanSquare, 1e-5),
                Residual = Residual.NormFirst,
                FeedForward = new FeedForwardSpec(Activation.Silu, Inner, Gated: true),
                Positions = new RotaryPositions(new RotarySpec(10000, heads.Size, new NoScaling())),
            },
        };
        var embedding = new WideMatrix(Values(Vocabulary, Width));
        return new LanguageModel(spec, new ModelWeights(owned)
        {
            Embedding = embedding,
            Head = embedding,
            Decoder = new StackWeights
            {
                Blocks = Enumerable.Range(0, Layers).Select(_ => Block()).ToArray(),
                FinalNorm = Ones()
            },
        });

        Tensor Values(int rows, int columns)
        {
            Tensor values = tensor(random.Normal((long)rows * columns, 0.3), [rows, columns]).DetachFromDisposeScope();
            owned.Add(values);
            return values;
        }

        Norm Ones()
        {
            Tensor ones = torch.ones(Width).DetachFromDisposeScope();
            owned.Add(ones);
            return new Norm(ones, null);
        }

        Linear Map(int to, int from) => new(new WideMatrix(Values(to, from)), null);

        BlockWeights Block() => new()
        {
            AttentionNorm = Ones(),
            Attention = new AttentionWeights(Map(heads.Count * heads.Size, Width),
                Map(heads.KeyValueCount * heads.Size, Width),
                Map(heads.KeyValueCount * heads.Size, Width), Map(Width, heads.Count * heads.Size), null, null),
            FeedForwardNorm = Ones(),
            Gate = Map(Inner, Width),
            Up = Map(Inner, Width),
            Down = Map(Width, Inner),
        };
    }

    /// <summary>The same with matrices that are widened for each product; ends before the wide one.</summary>
    public static LanguageModel Stored(LanguageModel wide, ScalarType type = ScalarType.Float32)
    {
        var space = new WideSpace(type, CPU);
        FrozenMatrix embedding = Kept(wide.Weights.Embedding);
        return new LanguageModel(wide.Spec, new ModelWeights([])
        {
            Embedding = embedding,
            Head = embedding,
            Decoder = wide.Weights.Decoder with { Blocks = [.. wide.Weights.Decoder.Blocks.Select(Block)] },
            Space = space,
        });

        FrozenMatrix Kept(FrozenMatrix matrix) =>
            new StoredMatrix(new StoredTensor(((WideMatrix)matrix).Tensor), 0, matrix.Rows, space);

        Linear Map(Linear linear) => linear with { Weight = Kept(linear.Weight) };

        BlockWeights Block(BlockWeights block) => block with
        {
            Attention = block.Attention with
            {
                Query = Map(block.Attention.Query),
                Key = Map(block.Attention.Key),
                Value = Map(block.Attention.Value),
                Output = Map(block.Attention.Output),
            },
            Gate = Map(block.Gate!),
            Up = Map(block.Up),
            Down = Map(block.Down),
        };
    }

    /// <summary>Rows whose target is a fixed sentence with one token of the source in it.</summary>
    public static TrainingExample[] Rows(int count, int seed = 3)
    {
        var random = new SeededRandom(seed, RandomPurpose.Order);
        return Enumerable.Range(0, count).Select(row =>
        {
            int[] source = Enumerable.Range(0, 3 + random.Below(9)).Select(_ => 3 + random.Below(Vocabulary - 3))
                .ToArray();
            return new TrainingExample(source, [5, 6, source[0], 7, 2], Row: row);
        }).ToArray();
    }

    /// <summary>A direct prefix of length 4, started from a text.</summary>
    public static TrainedKeyValues Direct(LanguageModel model) => new(Start(model, PrefixStart.DefaultText), CPU);

    public static Prefix Start(LanguageModel model, PrefixStart start, int length = 4, int seed = 0) =>
        PrefixInitializer.Make(new StartRequest
        {
            Model = model,
            Start = start,
            Sites = [AttentionSite.Decoder],
            Length = length,
            Convention = PrefixConvention.DecoderOnly,
            Text = [4, 9, 11],
            Opening = [1],
            Seed = seed,
        });

    /// <summary>A run over 20 rows: 5 steps an epoch, 2 epochs.</summary>
    public static TrainingRun Run(LanguageModel model, TrainingOptions? options = null) => new()
    {
        Model = model,
        Examples = Rows(20),
        Options = options ?? new TrainingOptions { MaxEpochs = 2, BatchSize = 4, WarmupSteps = 2, Averaging = 0 },
        Seed = 1,
        LearningRate = 0.05,
        Base = BaseIdentity.Of(model.Spec, new string('0', 64)),
    };

    public static float[] Values(Prefix prefix) => prefix.Part(AttentionSite.Decoder)!.Values;
}

/// <summary>A state kept in memory, in its stored form.</summary>
internal sealed class MemoryState : ITrainingStateFile
{
    public StateContent? Content { get; set; }

    public Exception? WriteFault { get; set; }

    public int Writes { get; private set; }

    public string Path => "memory";

    public void Probe()
    {
    }

    public StateContent? Read() => Content;

    public void Write(StateContent content)
    {
        Writes++;
        if (WriteFault is not null)
            throw WriteFault;
        Content = content;
    }
}
