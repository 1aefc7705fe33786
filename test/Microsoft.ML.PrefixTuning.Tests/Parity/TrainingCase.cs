using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>What the training parts of golden cases share: rows, runs, layouts.</summary>
internal static class TrainingCase
{
    /// <summary>The rows of a stored batch: labels of -100 mark the source.</summary>
    public static TrainingExample[] Examples(FamilyCase golden, string batch)
    {
        long[][] ids = golden.Rows($"{batch}.input_ids"), labels = golden.Rows($"{batch}.labels");
        bool both = golden.Has($"{batch}.decoder_input_ids");
        long[][] mask = golden.Has($"{batch}.attention_mask") ? golden.Rows($"{batch}.attention_mask")
            : ids.Select(row => row.Select(_ => 1L).ToArray()).ToArray();
        return ids.Select((row, r) =>
        {
            int[] source = row.Where((_, i) => mask[r][i] == 1 && (both || labels[r][i] == -100)).Select(id => (int)id)
                .ToArray();
            int[] target = labels[r].Where(label => label != -100).Select(label => (int)label).ToArray();
            return new TrainingExample(source, target, Row: r);
        }).ToArray();
    }

    /// <summary>
    /// A run with the settings of <c>train.direct</c>, <c>train.projected</c> or a section of the real model.
    /// </summary>
    public static TrainingRun Run(LanguageModel model, JsonElement settings, TrainingExample[][] batches)
    {
        JsonElement betas = settings.GetProperty("betas");
        int steps = settings.GetProperty("losses").GetArrayLength();
        bool constant = settings.TryGetProperty("schedule", out JsonElement schedule)
            && schedule.GetString() == "constant";
        int[][] order = batches.Select((batch, b) =>
            batch.Select((_, row) => batches.Take(b).Sum(one => one.Length) + row).ToArray()).ToArray();
        return new TrainingRun
        {
            Model = model,
            Examples = batches.SelectMany(batch => batch).ToArray(),
            Order = _ => order,
            Seed = 0,
            LearningRate = settings.GetProperty("lr").GetDouble(),
            Options = new TrainingOptions
            {
                MaxEpochs = steps,
                MaxSteps = steps,
                BatchSize = batches[0].Length,
                Averaging = 0,
                WarmupSteps = settings.TryGetProperty("warmup_steps", out JsonElement warmup) ? warmup.GetInt32() : 0,
                Decay = constant ? LearningRateDecay.None : LearningRateDecay.Linear,
                Beta1 = betas[0].GetDouble(),
                Beta2 = betas[1].GetDouble(),
                Epsilon = settings.GetProperty("eps").GetDouble(),
                WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
                ClipNorm = settings.GetProperty("clip") is { ValueKind: JsonValueKind.Number } clip ? clip.GetDouble()
                    : 0,
            },
        };
    }

    /// <summary>Sets parameters to stored values, which have their names without the site.</summary>
    public static void Load(TrainedPrefix parametrization, Func<string, Tensor> stored)
    {
        using var noGradient = no_grad();
        foreach (NamedParameter parameter in parametrization.Parameters)
        {
            string name = parameter.Name[(parameter.Name.IndexOf('.') + 1)..];
            using Tensor values = stored(name);
            parameter.Value.copy_(values);
        }
    }

    /// <summary>A prefix's decoder site as PEFT's rows, [P, 2 * N * G * D].</summary>
    public static Tensor ToPeftRows(Prefix prefix)
    {
        SitePrefix part = prefix.Part(AttentionSite.Decoder)!;
        return tensor(part.Values, part.Shape).permute(3, 0, 1, 2, 4).reshape(part.Length, -1);
    }

    /// <summary>The loss of a batch and its gradient with respect to materialised sites.</summary>
    public static (double Loss, Tensor[] Gradients) Gradient(LanguageModel model, TrainingExample[] rows,
        IReadOnlyDictionary<AttentionSite, Tensor> sites, PrefixConvention convention)
    {
        TargetStates states = TargetStates.Make(model, rows, new SitePrefixes(sites, convention));
        (double sum, Tensor ofHidden) = TargetLoss.WithGradient(model, states.Hidden, states.Labels, 0);
        double tokens = states.Labels.size(0);
        return (sum / tokens, [.. autograd.grad([states.Hidden], [.. sites.Values], [ofHidden / tokens])]);
    }

    public static double RelativeDifference(Tensor found, Tensor wanted) =>
        (found - wanted).abs().max().cpu().data<float>()[0] / wanted.abs().max().cpu().data<float>()[0];
}

/// <summary>
/// PEFT's prefix of an encoder-decoder model: decoder layer i takes stored layer 2i mod L (fixtures' README).
/// </summary>
internal sealed class PeftEncoderDecoderParametrization : TrainedPrefix
{
    private readonly TrainedPrefix _stored;

    public PeftEncoderDecoderParametrization(TrainedPrefix stored) : base(stored.Convention)
    {
        _stored = stored;
        foreach (NamedParameter parameter in stored.Parameters)
            Train(parameter.Name, parameter.Value);
    }

    public override string Description => "peft encoder-decoder";

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null)
    {
        Tensor stored = _stored.Materialize(dropout)[AttentionSite.Decoder];
        long layers = stored.size(0);
        Tensor order = tensor(Enumerable.Range(0, (int)layers).Select(layer => 2L * layer % layers).ToArray());
        return new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = stored.index_select(0, order) };
    }
}
