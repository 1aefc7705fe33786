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
    private readonly SortedDictionary<long, string> _leftOut = [];

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

    /// <summary>Added tokens that the embedding has no row for.</summary>
    public IReadOnlyCollection<string> LeftOut => _leftOut.Values;

    /// <summary>Lists a token of the vocabulary as one that is looked for before anything else.</summary>
    public void Add(AddedToken token) => _added[token.Content] = token;

    /// <summary>
    /// Lists a token that may not be in the vocabulary yet. One that the embedding has no row for is left out:
    /// checkpoints list tokens that were never trained, such as padding put above the vocabulary.
    /// </summary>
    /// <param name="token">The token, its id and where it is listed.</param>
    /// <param name="make">Makes the token; not called for one that is left out or listed already.</param>
    /// <exception cref="FormatException">The token or the id stands twice, or the id is negative.</exception>
    public void AddListed((string Content, long Id, string Where) token, Func<AddedToken> make)
    {
        if (Vocabulary.HasNoRow(token.Id))
        {
            LeaveOut(token.Content, token.Id);
            return;
        }
        Vocabulary.AddOrConfirm(token.Content, token.Id, token.Where);
        if (!_added.ContainsKey(token.Content))
            _added.Add(token.Content, make());
    }

    /// <summary>Notes an added token that the embedding has no row for.</summary>
    public void LeaveOut(string content, long id) => _leftOut[id] = content;

    /// <summary>Marks a token as one that no text becomes and that becomes no text.</summary>
    public void ExcludeFromText(int id) => _notText.Add(id);

    /// <summary>Adds what the files beside the vocabulary say, and checks that nothing is missing.</summary>
    /// <exception cref="FormatException">
    /// An id contradicts the vocabulary, is missing, or a named token is not there.
    /// </exception>
    public void Complete(TokenizerSettings? settings = null)
    {
        settings?.Complete(this, _added);
        Vocabulary.CheckWithoutHoles(_added.Values.Select(token => token.Id).ToHashSet());
        // Checkpoints count on behind the last row; a number that jumps is no token of theirs.
        long next = Vocabulary.Rows;
        foreach ((long id, string token) in _leftOut)
        {
            if (id != next++)
                throw new FormatException($"{File}: added token {FileText.Quote(token)}: expected an id from 0 to "
                    + $"{Vocabulary.Rows - 1} (the vocabulary of the model), or the next one behind it, {next - 1}, "
                    + $"found {id}.");
        }
        foreach (AddedToken token in _added.Values)
        {
            if (token.Special)
                _notText.Add(token.Id);
        }
    }

    /// <summary>Whether text may become a token.</summary>
    public bool IsText(int id) => !_notText.Contains(id);

    /// <summary>The tokens that text may become: a special token never is one of them.</summary>
    public Dictionary<string, int> TextTokens() => Vocabulary.Except(_notText);

    /// <summary>The bytes of text that each id stands for; none for special tokens.</summary>
    /// <param name="bytesOf">The bytes that a token stands for.</param>
    public byte[][] TextBytes(Func<string, byte[]> bytesOf)
    {
        var bytes = new byte[Vocabulary.Count][];
        for (int id = 0; id < bytes.Length; id++)
            bytes[id] = _notText.Contains(id) || Vocabulary.TokenOf(id) is not { } token ? [] : bytesOf(token);
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
