using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>A learner whose result is a prefix.</summary>
/// <param name="run">Rows, options and the caller's wishes.</param>
internal abstract class PrefixLearner(TrainingRun run) : Learner(run)
{
    /// <summary>What was kept, as the prefix of every group.</summary>
    /// <param name="kept">What <see cref="Learner.Keep"/> gave.</param>
    public abstract IReadOnlyList<Prefix> PrefixesOf(IReadOnlyDictionary<string, StateTensor> kept);

    /// <summary>The tokens that were kept, where tokens are learned; else null.</summary>
    /// <param name="kept">What <see cref="Learner.Keep"/> gave.</param>
    public virtual IReadOnlyList<int>? WordsOf(IReadOnlyDictionary<string, StateTensor> kept) => null;
}
