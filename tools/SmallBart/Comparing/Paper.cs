namespace Microsoft.ML.PrefixTuning.SmallBart.Comparing;

/// <summary>A row of the task.</summary>
internal sealed class Paper
{
    public string Text { get; set; } = "";

    public string Summary { get; set; } = "";
}

/// <summary>A row and what was written for it.</summary>
internal sealed class Written
{
    public string Text { get; set; } = "";

    public string Summary { get; set; } = "";

    public string Output { get; set; } = "";
}
