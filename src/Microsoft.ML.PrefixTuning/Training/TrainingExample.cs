using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>One row as token ids.</summary>
/// <param name="Source">
/// Decoder-only: source ids, begin token included. Encoder-decoder: the encoder's ids, end token included.
/// </param>
/// <param name="Target">Target ids with the end token, without a start token.</param>
/// <param name="Group">Which of several prefixes the row trains; 0 where there is one.</param>
/// <param name="Row">Number of the data row, from 0, for messages.</param>
internal sealed record TrainingExample(int[] Source, int[] Target, int Group = 0, long Row = 0)
{
    /// <summary>The file and line that it comes from, for messages; null where there is no file.</summary>
    public string? Line { get; init; }

    /// <summary>Where it stands, for messages.</summary>
    public string Place => RowPlace.Of(Row, Line);

    /// <summary>Tokens in front of <see cref="Source"/> that open every text and are not the row's own.</summary>
    public int Opening { get; init; }

    /// <summary>The row with other tokens in front of its own.</summary>
    /// <param name="tokens">The tokens; where row and tokens are empty, the row stays as it is.</param>
    public TrainingExample Behind(int[] tokens) => tokens.Length + Source.Length == Opening ? this
        : this with { Source = [.. tokens, .. Source[Opening..]], Opening = tokens.Length };

    /// <summary>
    /// What the row's own teacher has in front of its input; rows of one text share it. Null for none.
    /// </summary>
    public RowContext? Context { get; init; }

    /// <summary>Source ids from the input on, as they come behind <see cref="Context"/>; empty without one.</summary>
    public int[] Asked { get; init; } = [];

    /// <summary>The row as its own teacher reads it, without the context in front.</summary>
    public TrainingExample BehindContext() =>
        Context is null ? this : this with { Source = Asked, Opening = 0 };

    /// <summary>What a teacher says of the target tokens; null where there is no teacher.</summary>
    public TeacherTokens? Teacher { get; init; }

    /// <summary>Number of what the row is made from: rows of one input have one.</summary>
    public int Origin { get; init; }

    /// <summary>Real tokens of source and target.</summary>
    public int Tokens => Source.Length + Target.Length;
}
