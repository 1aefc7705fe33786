namespace Microsoft.ML.PrefixTuning.Samples.DocumentPrefix;

/// <summary>A question, and what is replied.</summary>
internal sealed class Asked
{
    public string Question { get; set; } = "";

    public string Reply { get; set; } = "";
}
