namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>Settings that the options leave to the method.</summary>
internal static class TrainingDefaults
{
    /// <summary>Highest learning rate of directly trained keys and values that start from a text's.</summary>
    public const double LearningRate = 0.02;
}
