using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>
/// What a row's input becomes before the model sees it: a text with one <c>{input}</c>. Special tokens that are written
/// in the template are special; the same strings in an input are text.
/// </summary>
internal sealed class ExampleTemplate
{
    private readonly PretrainedTokenizer _tokenizer;
    private readonly TextPlace _place;
    private readonly int[] _before;
    private readonly string _textBefore;
    private readonly string _textBehind;
    private readonly int[] _behind;

    /// <summary>Reads a template.</summary>
    /// <param name="template">The text, with <c>{input}</c> in it once.</param>
    /// <param name="tokenizer">The base's tokenizer.</param>
    /// <param name="encoderDecoder">
    /// Whether the prompt is a whole text for an encoder, which ends as the tokenizer ends texts.
    /// </param>
    /// <exception cref="ArgumentException">The placeholder is missing or stands there more than once.</exception>
    public ExampleTemplate(string template, PretrainedTokenizer tokenizer, bool encoderDecoder)
    {
        int count = InputPlaceholder.CountIn(template);
        if (count != 1)
        {
            string found = count == 0 ? "nowhere" : "more than once";
            throw new ArgumentException($"Template: expected {InputPlaceholder.Text} once, found it {found} in "
                + $"{FileText.Quote(template)}.", "Template");
        }
        int place = template.IndexOf(InputPlaceholder.Text, StringComparison.Ordinal);
        _tokenizer = tokenizer;

        // Plain text beside the input is encoded together with it: tokens may reach across.
        List<TextSegment> before = [.. tokenizer.CutTemplate(template[..place])];
        List<TextSegment> behind = [.. tokenizer.CutTemplate(template[(place + InputPlaceholder.Text.Length)..])];
        _textBefore = Take(before, before.Count - 1);
        _textBehind = Take(behind, 0);
        _place = before.Count == 0 ? TextPlace.Opening : before[^1].PlaceBehind;
        _before = [.. Ids(before, TextPlace.Opening)];
        _behind = [.. Ids(behind, TextPlace.BehindAdded), .. encoderDecoder ? tokenizer.Epilogue : []];
    }

    /// <summary>The ids of a row's prompt, without what opens every text.</summary>
    /// <param name="input">The row's text.</param>
    /// <param name="lostBytes">Bytes of the text that no token stands for.</param>
    public int[] Prompt(string input, out int lostBytes) =>
        [.. _before, .. _tokenizer.Encode(_textBefore + input + _textBehind, _place, out lostBytes), .. _behind];

    // The plain text at one end of a template's part, taken out of it.
    private static string Take(List<TextSegment> segments, int index)
    {
        if (segments.Count == 0 || segments[index].Id is not null)
            return "";
        string text = segments[index].Text;
        segments.RemoveAt(index);
        return text;
    }

    private List<int> Ids(List<TextSegment> segments, TextPlace place)
    {
        var ids = new List<int>();
        foreach (TextSegment segment in segments)
        {
            if (segment.Id is int id)
                ids.Add(id);
            else
                ids.AddRange(_tokenizer.Encode(segment.Text, place, out _));
            place = segment.PlaceBehind;
        }
        return ids;
    }
}
