using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>One pass of a teacher over the rows of a distillation: what it says of every target token.</summary>
internal sealed record TeacherPass
{
    /// <summary>The frozen base.</summary>
    public required LanguageModel Model { get; init; }

    /// <summary>The teacher's prefix; none where the rows themselves hold what the teacher knows.</summary>
    public required SitePrefixes Prefix { get; init; }

    /// <summary>K: how many of the most probable tokens are kept; 0 for the whole distribution.</summary>
    public required int TopK { get; init; }

    /// <summary>What scores are divided by.</summary>
    public required double Temperature { get; init; }

    /// <summary>Rows a forward pass, at most.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Tokens a forward pass, as <see cref="TrainingOptions.MaxTokensPerPass"/>.</summary>
    public int MostTokens { get; init; } = TrainingOptions.DefaultTokensPerPass;

    /// <summary>Called before every forward pass; throws to cancel.</summary>
    public Action? CheckAlive { get; init; }

    /// <summary>The student's rows with what the teacher says of them.</summary>
    /// <param name="students">Rows as the student reads them.</param>
    /// <param name="teachers">The same rows as the teacher reads them: other sources, the same targets.</param>
    public List<TrainingExample> Annotate(IReadOnlyList<TrainingExample> students,
        IReadOnlyList<TrainingExample> teachers)
    {
        var annotated = students.ToArray();
        int[] rows = Enumerable.Range(0, teachers.Count).Where(row => TargetStates.Count(Model, teachers[row]) > 0)
            .OrderBy(row => teachers[row].Tokens).ToArray();
        int next = 0;
        using var noGradient = no_grad();
        foreach (TrainingExample[] pass in rows.Chunk(BatchSize)
            .SelectMany(batch => BatchPlan.Passes(batch.Select(row => teachers[row]), MostTokens)))
        {
            CheckAlive?.Invoke();
            using var scope = NewDisposeScope();
            TargetStates states = TargetStates.Make(Model, pass, Prefix);
            long start = 0;
            foreach (TrainingExample teacher in pass)
            {
                int count = TargetStates.Count(Model, teacher), row = rows[next++];
                annotated[row] = annotated[row] with { Teacher = Tokens(states.Hidden.narrow(0, start, count)) };
                start += count;
            }
        }
        return [.. annotated];
    }

    private TeacherTokens Tokens(Tensor hidden)
    {
        if (TopK == 0)
            return new TeacherTokens(Floats(hidden), null);
        var values = new List<float>();
        var ids = new List<long>();
        long count = hidden.size(0), size = TargetLoss.ChunkTokens(Model);
        int known = (int)Math.Min(TopK, Model.Weights.Head.Rows);
        for (long start = 0; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            Tensor logits = Model.Logits(hidden.narrow(0, start, Math.Min(size, count - start)));
            Tensor all = DistillationLoss.LogProbabilities(logits, Temperature);
            (Tensor top, Tensor places) = all.topk(known, Axis.Last);
            Tensor rest = all.exp_().scatter_(1, places, zeros_like(top)).sum([Axis.Last], keepdim: true);
            values.AddRange(Floats(cat([top, rest], Axis.Last)));
            ids.AddRange(places.cpu().contiguous().data<long>().ToArray());
        }
        return new TeacherTokens([.. values], [.. ids.Select(id => (int)id)]);
    }

    private static float[] Floats(Tensor values) =>
        values.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
}
