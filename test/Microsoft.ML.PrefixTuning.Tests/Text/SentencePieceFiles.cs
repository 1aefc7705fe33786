using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Text.Files;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Makes SentencePiece model files of few pieces.</summary>
internal static class SentencePieceFiles
{
    /// <summary>Writes a file in which spaces stay as they are.</summary>
    /// <param name="path">The file.</param>
    /// <param name="modelType">BPE, Unigram or another number.</param>
    /// <param name="pieces">The vocabulary; each piece is short.</param>
    public static void Write(
        string path, int modelType, params (string Text, float Score, PieceType Type)[] pieces) =>
        Write(path, modelType, collapse: false, pieces);

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="modelType">BPE, Unigram or another number.</param>
    /// <param name="collapse">Whether runs of spaces become one, with none at either end.</param>
    /// <param name="pieces">The vocabulary; each piece is short.</param>
    public static void Write(string path, int modelType, bool collapse,
        params (string Text, float Score, PieceType Type)[] pieces)
    {
        var file = new List<byte>();
        foreach ((string text, float score, PieceType type) in pieces)
        {
            byte[] name = Encoding.UTF8.GetBytes(text);
            byte[] piece = [0x0A, (byte)name.Length, .. name, 0x15, .. BitConverter.GetBytes(score), 0x18, (byte)type];
            file.AddRange([0x0A, (byte)piece.Length, .. piece]);
        }
        file.AddRange([0x12, 2, 0x18, (byte)modelType]);
        file.AddRange([0x1A, 2, 0x20, collapse ? (byte)1 : (byte)0]);
        File.WriteAllBytes(path, file.ToArray());
    }
}
