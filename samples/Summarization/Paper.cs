namespace Microsoft.ML.PrefixTuning.Samples.Summarization;

/// <summary>A row of the data: how a paper begins, and its summary in one sentence.</summary>
internal sealed class Paper
{
    public string Text { get; set; } = "";

    public string Summary { get; set; } = "";
}

/// <summary>What the pipeline adds.</summary>
internal sealed class Summarized
{
    public string Text { get; set; } = "";

    public string Written { get; set; } = "";
}

/// <summary>A text beside one of its references.</summary>
internal sealed class Scored
{
    public string Text { get; set; } = "";

    public string Summary { get; set; } = "";

    public string Written { get; set; } = "";
}
