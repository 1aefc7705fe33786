using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// What every reader gathers before it can build a model and a decoder: tokens, and which of them are no text.
/// </summary>
internal sealed class TokenTables
{
    private readonly Dictionary<string, AddedToken> _added = new(StringComparer.Ordinal);
    private readonly HashSet<int> _notText = [];

    /// <param name="file">File of the vocabulary, for messages.</param>
    /// <param name="vocabularySize">Rows of the model's embedding.</param>
    /// <param name="expected">About how many tokens will come.</param>
    public TokenTables(string file, int vocabularySize, int expected) =>
        (File, Vocabulary) = (file, new Vocabulary(file, vocabularySize, expected));

    /// <summary>File of the vocabulary, for messages.</summary>
    public string File { get; }

    /// <summary>All tokens.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>Tokens looked for before anything else.</summary>
    public IReadOnlyList<AddedToken> Added => _added.Values.ToArray();

    /// <summary>Lists a token as one that is looked for before anything else.</summary>
    public void Add(AddedToken token) => _added[token.Content] = token;

    /// <summary>Marks a token as one that no text becomes and that becomes no text.</summary>
    public void ExcludeFromText(int id) => _notText.Add(id);

    /// <summary>Adds what the files beside the vocabulary say, and checks that nothing is missing.</summary>
    /// <exception cref="FormatException">
    /// An id contradicts the vocabulary, is missing, or a named token is not there.
    /// </exception>
    public void Complete(TokenizerSettings? settings = null)
    {
        settings?.Complete(Vocabulary, _added);
        Vocabulary.CheckWithoutHoles();
        foreach (AddedToken token in _added.Values)
        {
            if (token.Special)
                _notText.Add(token.Id);
        }
    }

    /// <summary>The tokens that text may become: a special token never is one of them.</summary>
    public Dictionary<string, int> TextTokens() => Vocabulary.Except(_notText);

    /// <summary>The bytes of text that each id stands for; none for special tokens.</summary>
    /// <param name="bytesOf">The bytes that a token stands for.</param>
    public byte[][] TextBytes(Func<string, byte[]> bytesOf)
    {
        var bytes = new byte[Vocabulary.Count][];
        for (int id = 0; id < bytes.Length; id++)
            bytes[id] = _notText.Contains(id) ? [] : bytesOf(Vocabulary.TokenOf(id)!);
        return bytes;
    }

    /// <summary>A merge of two tokens, checked; null where it would make a special token.</summary>
    /// <param name="left">The first token.</param>
    /// <param name="right">The second token.</param>
    /// <param name="rank">Its place among the merges.</param>
    /// <param name="where">File and field for messages.</param>
    /// <exception cref="FormatException">A part or the result is no token.</exception>
    public PairMerge? Merge(string left, string right, int rank, string where)
    {
        var merge = new PairMerge(Need(left), Need(right), Need(left + right), rank);
        return _notText.Contains(merge.Merged) ? null : merge;

        int Need(string token) => Vocabulary.IdOf(token)
            ?? throw new FormatException(
                $"{where}: merge {rank}: expected tokens of the vocabulary, found {FileText.Quote(token)}.");
    }
}
