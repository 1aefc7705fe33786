using System;
using System.Diagnostics;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>The learning rate as a function of the step: rises from 0 on a line, then stays or falls to 0.</summary>
/// <param name="Peak">Highest rate.</param>
/// <param name="WarmupSteps">Steps in which it rises.</param>
/// <param name="TotalSteps">Steps in all.</param>
/// <param name="Decay">What it does after the warmup.</param>
internal sealed record LearningRateSchedule(double Peak, int WarmupSteps, int TotalSteps, LearningRateDecay Decay)
{
    /// <summary>The rate of a step.</summary>
    /// <param name="step">
    /// Step, from 0: the first one has rate 0 where there is a warmup (as transformers' schedules).
    /// </param>
    public double At(int step)
    {
        if (step < WarmupSteps)
            return Peak * step / WarmupSteps;
        double done = (double)(step - WarmupSteps) / Math.Max(1, TotalSteps - WarmupSteps);
        return Decay switch
        {
            LearningRateDecay.None => Peak,
            LearningRateDecay.Linear => Peak * Math.Max(0, 1 - done),
            LearningRateDecay.Cosine => Peak * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, done))),
            _ => throw new UnreachableException($"Decay {Decay} is not known here."),
        };
    }
}
