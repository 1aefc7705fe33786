using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.SmallBart.Corpus;

/// <summary>Blocks of text as passages of whole sentences.</summary>
/// <param name="tokenizer">The tokenizer.</param>
internal sealed class Passages(PretrainedTokenizer tokenizer)
{
    // A rest of fewer tokens teaches nothing.
    private const int Shortest = 8;

    /// <summary>The passages of a block, each a list of sentences as ids.</summary>
    /// <param name="block">The block.</param>
    /// <param name="longest">Tokens of a passage, at most; a longer sentence is cut.</param>
    public IEnumerable<int[][]> Of(string block, int longest)
    {
        var passage = new List<int[]>();
        foreach (string sentence in Sentences.Of(block))
        {
            int[] ids = tokenizer.Encode(sentence);
            // The first sentence of a passage has no space in front.
            if (Length(passage) + ids.Length > longest)
                ids = tokenizer.Encode(sentence.TrimStart());
            foreach (int[] part in ids.Chunk(longest))
            {
                if (Length(passage) + part.Length > longest)
                {
                    if (Length(passage) >= Shortest)
                        yield return [.. passage];
                    passage.Clear();
                }
                passage.Add(part);
            }
        }
        if (Length(passage) >= Shortest)
            yield return [.. passage];
    }

    private static int Length(List<int[]> passage) => passage.Sum(sentence => sentence.Length);
}
