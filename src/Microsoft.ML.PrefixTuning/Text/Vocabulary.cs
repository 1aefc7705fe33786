using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>
/// Tokens and their ids: every id from 0 on has one token, every token one id, and every id is a row of the embedding.
/// Only between added tokens, behind all others, ids may have none (o200k).
/// </summary>
internal sealed class Vocabulary
{
    private readonly string _file;
    private readonly int _vocabularySize;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<int, string> _tokens;

    /// <param name="file">File for messages.</param>
    /// <param name="vocabularySize">Rows of the model's embedding.</param>
    /// <param name="expected">About how many tokens will come.</param>
    public Vocabulary(string file, int vocabularySize, int expected) =>
        (_file, _vocabularySize, _ids, _tokens) =
            (file, vocabularySize, new(expected, StringComparer.Ordinal), new(expected));

    /// <summary>Number of ids up to the largest one.</summary>
    public int Count { get; private set; }

    /// <summary>The token of an id; null for an id without one.</summary>
    public string? TokenOf(int id) => _tokens.GetValueOrDefault(id);

    /// <summary>The id of a token, or null.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>Rows of the embedding.</summary>
    public int Rows => _vocabularySize;

    /// <summary>Whether an id lies behind the last row of the embedding.</summary>
    public bool HasNoRow(long id) => id >= _vocabularySize;

    /// <summary>Adds a token.</summary>
    /// <param name="token">The token as written in the file.</param>
    /// <param name="id">Its id.</param>
    /// <param name="where">File and field for messages; the vocabulary's own file if null.</param>
    /// <exception cref="FormatException">
    /// The id lies outside the embedding, or the token or the id stands twice.
    /// </exception>
    public void Add(string token, long id, string? where = null)
    {
        where ??= _file;
        if (id < 0 || id >= _vocabularySize)
            throw new FormatException(
                $"{where}: token {FileText.Quote(token)}: expected an id from 0 to {_vocabularySize - 1} (the"
                    + " vocabulary of the model), "
                + $"found {id}.");
        if (!_ids.TryAdd(token, (int)id))
            throw new FormatException(
                $"{where}: token {FileText.Quote(token)} stands twice: expected one id, found {_ids[token]} and {id}.");
        if (!_tokens.TryAdd((int)id, token))
            throw new FormatException(
                $"{where}: id {id} stands twice: expected one token, found {FileText.Quote(_tokens[(int)id])} and"
                    + $" {FileText.Quote(token)}.");
        Count = Math.Max(Count, (int)id + 1);
    }

    /// <summary>Adds a token that may be there already, with the same id.</summary>
    /// <inheritdoc cref="Add"/>
    public void AddOrConfirm(string token, long id, string where)
    {
        if (IdOf(token) != id)
            Add(token, id, where);
    }

    /// <summary>Checks that no id below the largest is missing, but for few between added tokens.</summary>
    /// <param name="added">Ids of the added tokens.</param>
    /// <exception cref="FormatException">There are no tokens, or there is a hole.</exception>
    public void CheckWithoutHoles(IReadOnlySet<int> added)
    {
        if (Count == 0)
            throw new FormatException($"{_file}: expected a vocabulary, found no token.");
        // A number that jumps is no token of the model's.
        bool jumps = Count / 2 > _tokens.Count;
        int last = jumps ? Count - 1 : _tokens.Keys.Where(id => !added.Contains(id)).DefaultIfEmpty().Max();
        for (int id = 0; id < last; id++)
        {
            if (!_tokens.ContainsKey(id))
                throw new FormatException(
                    $"{_file}: expected a token for every id below the largest, id {id} is missing.");
        }
    }

    /// <summary>All tokens by id; empty where an id has none.</summary>
    public string[] All() => [.. Enumerable.Range(0, Count).Select(id => TokenOf(id) ?? "")];

    /// <summary>The tokens that text may become: all but some.</summary>
    public Dictionary<string, int> Except(IReadOnlySet<int> ids)
    {
        var rest = new Dictionary<string, int>(_ids, StringComparer.Ordinal);
        foreach (int id in ids)
            rest.Remove(_tokens[id]);
        return rest;
    }
}
