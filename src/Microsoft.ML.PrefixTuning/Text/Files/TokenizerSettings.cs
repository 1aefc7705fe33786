using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Text.Files;

/// <summary>
/// What <c>tokenizer_config.json</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c> say beside the
/// vocabulary.
/// </summary>
internal sealed class TokenizerSettings
{
    // Beyond any checkpoint; keeps a lying number from making a list.
    private const int MostExtraIds = 10_000;

    private static readonly string[] Names =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    // Where a token is named, and the token.
    private readonly List<(string Where, string Token)> _special = [];
    private readonly List<(string Where, string Token, long Id, JsonSection? Entry)> _added = [];

    private readonly List<string> _formerRules = [];
    private readonly TextRules _rules;

    private TokenizerSettings(TextRules rules) => _rules = rules;

    /// <summary>
    /// The class that transformers would read the tokenizer with, without <c>Fast</c>; null where none is named.
    /// </summary>
    public string? ClassName { get; private set; }

    /// <summary>Whether the begin token is put in front of a text; null where nothing is said.</summary>
    public bool? AddsBegin { get; private set; }

    /// <summary>Whether the end token is put behind a text; null where nothing is said.</summary>
    public bool? AddsEnd { get; private set; }

    /// <summary>
    /// Number of <c>&lt;extra_id_n&gt;</c> tokens above a SentencePiece vocabulary; null where nothing is said.
    /// </summary>
    public int? ExtraIds { get; private set; }

    /// <summary>The begin token; null where none is named.</summary>
    public string? BeginToken { get; private set; }

    /// <summary>The end token; null where none is named.</summary>
    public string? EndToken { get; private set; }

    /// <summary>Whether a space is put in front of a text; null where nothing is said.</summary>
    public bool? AddsPrefixSpace { get; private set; }

    /// <summary>How chats are written, in Jinja; null where nothing is said.</summary>
    public string? ChatTemplate { get; private set; }

    /// <summary>What today's rules do otherwise than those that the files are read by.</summary>
    public IReadOnlyList<string> FormerRules => _formerRules;

    /// <summary>Whether a SentencePiece tokenizer that puts a space in front of a text must not.</summary>
    public bool DropsPrefixSpace() => AddsPrefixSpace == false && !IsFormer(2,
        "tokenizer_config.json: 'add_prefix_space' is false: a space is put in front of texts all the same, today none "
        + "is");

    /// <summary>Whether the files are read by rules from before a version, which is noted then.</summary>
    /// <param name="version">The first one that does otherwise.</param>
    /// <param name="difference">What these rules do, and what it does.</param>
    public bool IsFormer(int version, string difference)
    {
        if (_rules.Version < version)
            _formerRules.Add(difference);
        return _rules.Version < version;
    }

    /// <summary>Reads whichever of the files are in a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="rules">By which rules.</param>
    /// <exception cref="FormatException">A file is no JSON, or a field has no good value.</exception>
    public static TokenizerSettings Read(string folder, TextRules rules)
    {
        var settings = new TokenizerSettings(rules);
        if (Open(folder, "tokenizer_config.json") is { } config)
            settings.ReadConfig(config);
        if (Open(folder, "special_tokens_map.json") is { } map)
            settings.ReadNames(map);
        if (Open(folder, "added_tokens.json") is { } added)
        {
            foreach ((string token, JsonSection id) in added.Fields())
                settings._added.Add(($"{id.File}: {FileText.Quote(token)}", token, id.Whole(), null));
        }
        return settings;
    }

    /// <summary>
    /// Completes a vocabulary and the tokens that are looked for first: adds tokens that only these files list, and
    /// marks as special what they name as such.
    /// </summary>
    /// <param name="tables">Get tokens that they lack.</param>
    /// <param name="tokens">Their added tokens by content; entries are added and replaced.</param>
    /// <exception cref="FormatException">An id contradicts the vocabulary, or a named token is not there.</exception>
    public void Complete(TokenTables tables, Dictionary<string, AddedToken> tokens)
    {
        foreach ((string where, string content, long id, JsonSection? entry) in _added)
        {
            tables.AddListed((content, id, where), () => entry is { } read ? AddedToken.Read(read, content, (int)id)
                : new AddedToken(content, (int)id, Special: false));
        }
        foreach ((string where, string content) in _special)
        {
            if (tables.LeftOut.Contains(content))
                continue;
            int id = tables.Vocabulary.IdOf(content)
                ?? throw new FormatException(
                    $"{where}: expected a token of the vocabulary, found {FileText.Quote(content)}.");
            tokens[content] = tokens.TryGetValue(content, out AddedToken? token)
                ? token with { Special = true, Pattern = null }
                : new AddedToken(content, id, Special: true);
        }
    }

    /// <summary>
    /// What is put in front of and behind a text: what these files say, else what the tokenizer itself does.
    /// </summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="prologue">Ids that the tokenizer itself puts in front.</param>
    /// <param name="epilogue">Ids that it puts behind.</param>
    public (IReadOnlyList<int> Prologue, IReadOnlyList<int> Epilogue) Ends(
        Vocabulary vocabulary, IReadOnlyList<int> prologue, IReadOnlyList<int> epilogue) =>
        (Chosen(vocabulary, AddsBegin, BeginToken, prologue), Chosen(vocabulary, AddsEnd, EndToken, epilogue));

    private static IReadOnlyList<int> Chosen(
        Vocabulary vocabulary, bool? adds, string? token, IReadOnlyList<int> otherwise)
    {
        if (adds != true || token is null)
            return adds == false ? [] : otherwise;
        return [vocabulary.IdOf(token) ?? throw new FormatException(
            $"tokenizer_config.json: token {FileText.Quote(token)}: expected a row of the embedding for a token that "
            + "texts begin or end with, found none.")];
    }

    private static JsonSection? Open(string folder, string file)
    {
        string path = Path.Combine(folder, file);
        return File.Exists(path) ? JsonSection.Read(path) : null;
    }

    private void ReadConfig(JsonSection config)
    {
        ClassName = config.TextOf("tokenizer_class") is { } name ? TokenizerClass.Plain(name) : null;
        AddsBegin = config.Find("add_bos_token")?.Flag();
        AddsEnd = config.Find("add_eos_token")?.Flag();
        AddsPrefixSpace = config.Find("add_prefix_space")?.Flag();
        ChatTemplate = Default(config.Find("chat_template"));
        if (config.Find("extra_ids") is { } extra)
            ExtraIds = extra.Whole() is var count and >= 0 and <= MostExtraIds ? (int)count
                : throw extra.Wrong($"a whole number from 0 to {MostExtraIds}");
        if (config.Find("added_tokens_decoder") is { } added)
        {
            foreach ((string key, JsonSection entry) in added.Fields())
            {
                if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                    throw added.Wrong("ids as keys");
                _added.Add(($"{entry.File}: '{entry.Path}'", entry.Need("content").Text(), id, entry));
            }
        }
        ReadNames(config);
    }

    private void ReadNames(JsonSection section)
    {
        foreach (string name in Names)
        {
            if (section.Find(name) is { } token)
                AddSpecial(token);
        }
        BeginToken = section.Find("bos_token") is { } begin ? Content(begin) : BeginToken;
        EndToken = section.Find("eos_token") is { } end ? Content(end) : EndToken;
        foreach (string name in (string[])["additional_special_tokens", "extra_special_tokens"])
        {
            if (section.Find(name) is not { } more)
                continue;
            if (more.Element.ValueKind == JsonValueKind.Object)
            {
                foreach ((_, JsonSection token) in more.Fields())
                    AddSpecial(token);
            }
            else
            {
                foreach (JsonSection token in more.Items())
                    AddSpecial(token);
            }
        }
    }

    // One template, or several with names, of which chats have the one named default.
    private static string? Default(JsonSection? template) => template?.Element.ValueKind switch
    {
        JsonValueKind.String => template.Value.Text(),
        JsonValueKind.Array => template.Value.Items().Where(item => item.TextOf("name") == "default")
            .Select(item => item.TextOf("template")).FirstOrDefault(),
        _ => null,
    };

    private void AddSpecial(JsonSection token)
    {
        if (Content(token) is { } content)
            _special.Add(($"{token.File}: '{token.Path}'", content));
    }

    // A token is a text, or an object with its text and its flags; an empty one is none.
    private static string? Content(JsonSection token)
    {
        string content = token.Element.ValueKind == JsonValueKind.Object ? token.Need("content").Text() : token.Text();
        return content.Length == 0 ? null : content;
    }
}
