using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// Which characters of an original text a rewritten one comes from, while normalizers rewrite it one after the other.
/// The original is the text as the caller gave it.
/// </summary>
internal sealed class TextAlignment
{
    // For each character of the rewritten text where its source begins and ends.
    private List<(int Begin, int End)> _sources = [];
    private List<(int Begin, int End)> _next = [];

    /// <summary>The alignment of a part of the original that is not rewritten yet.</summary>
    /// <param name="begin">Where the part begins.</param>
    /// <param name="length">Its length.</param>
    public TextAlignment(int begin, int length)
    {
        for (int i = begin; i < begin + length; i++)
            _sources.Add((i, i + 1));
        End = begin + length;
    }

    private TextAlignment(List<(int Begin, int End)> sources, int end) => (_sources, End) = (sources, end);

    /// <summary>Where the part of the original ends.</summary>
    public int End { get; }

    /// <summary>Where the source of a character of the rewritten text begins.</summary>
    public int BeginOf(int index) => _sources[index].Begin;

    /// <summary>Where it ends.</summary>
    public int EndOf(int index) => _sources[index].End;

    /// <summary>The alignment of a part of the rewritten text.</summary>
    /// <param name="begin">Where the part begins.</param>
    /// <param name="length">Its length.</param>
    public TextAlignment Part(int begin, int length) =>
        new(_sources.GetRange(begin, length), begin + length < _sources.Count ? _sources[begin + length].Begin : End);

    /// <summary>
    /// Says that the next characters of the text that is written come from some of the one that is read.
    /// </summary>
    /// <param name="begin">The first character read.</param>
    /// <param name="length">Characters read; 0 for what is put in.</param>
    /// <param name="written">Characters written for them.</param>
    public void Write(int begin, int length, int written)
    {
        (int, int) source = length > 0 ? (_sources[begin].Begin, _sources[begin + length - 1].End) : Between(begin);
        for (int i = 0; i < written; i++)
            _next.Add(length == written ? _sources[begin + i] : source);
    }

    /// <summary>Ends a rewriting: what was written is what the next normalizer reads.</summary>
    public void Turn()
    {
        (_sources, _next) = (_next, _sources);
        _next.Clear();
    }

    private (int, int) Between(int index)
    {
        int place = index < _sources.Count ? _sources[index].Begin : End;
        return (place, place);
    }
}
