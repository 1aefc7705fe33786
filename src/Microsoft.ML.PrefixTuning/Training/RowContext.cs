namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a teacher reads in front of a row's input and the student does not.</summary>
/// <param name="ids">Ids of the template up to the input, then of the text.</param>
/// <param name="ofTemplate">How many of them are the template's, which the student reads as well.</param>
internal sealed class RowContext(int[] ids, int ofTemplate)
{
    /// <summary>The ids, template and text.</summary>
    public int[] Ids { get; } = ids;

    /// <summary>Tokens that it puts in front of a row more than the row has itself.</summary>
    public int Length => Ids.Length - ofTemplate;
}
