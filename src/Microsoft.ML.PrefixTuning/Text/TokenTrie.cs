using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>Texts by their beginnings.</summary>
internal sealed class TokenTrie
{
    /// <summary>The node where every search begins.</summary>
    public const int Root = 0;

    /// <summary>No node, or no value at a node.</summary>
    public const int None = -1;

    private readonly Dictionary<(int Node, char Character), int> _children = [];
    private readonly List<int> _values = [None];

    /// <summary>Adds a text with its value, 0 or more.</summary>
    public void Add(string text, int value)
    {
        int node = Root;
        foreach (char character in text)
        {
            if (!_children.TryGetValue((node, character), out int child))
            {
                child = _values.Count;
                _children.Add((node, character), child);
                _values.Add(None);
            }
            node = child;
        }
        _values[node] = value;
    }

    /// <summary>The node one character further, or <see cref="None"/>.</summary>
    public int Next(int node, char character) => _children.TryGetValue((node, character), out int child) ? child : None;

    /// <summary>The value of the text that ends at a node, or <see cref="None"/>.</summary>
    public int ValueAt(int node) => _values[node];

    /// <summary>
    /// The value of the longest text that <paramref name="text"/> begins with, or <see cref="None"/>.
    /// </summary>
    public int Longest(ReadOnlySpan<char> text, out int length)
    {
        int value = None;
        length = 0;
        for (int i = 0, node = Root; i < text.Length; i++)
        {
            node = Next(node, text[i]);
            if (node == None)
                break;
            if (ValueAt(node) != None)
                (value, length) = (ValueAt(node), i + 1);
        }
        return value;
    }
}
