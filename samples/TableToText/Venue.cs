namespace Microsoft.ML.PrefixTuning.Samples.TableToText;

/// <summary>A row of the data: facts about a venue, and a sentence that a person wrote about them.</summary>
internal sealed class Venue
{
    public string Facts { get; set; } = "";

    public string Reference { get; set; } = "";
}

/// <summary>What the pipeline adds.</summary>
internal sealed class Described
{
    public string Facts { get; set; } = "";

    public string Description { get; set; } = "";
}

/// <summary>A text beside one of its references.</summary>
internal sealed class Scored
{
    public string Facts { get; set; } = "";

    public string Reference { get; set; } = "";

    public string Description { get; set; } = "";
}
