using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>Makes floats of a whole number of blocks.</summary>
/// <param name="blocks">Bytes of the blocks.</param>
/// <param name="values">As many floats as the blocks hold.</param>
internal delegate void GgufDecoder(ReadOnlySpan<byte> blocks, Span<float> values);

/// <summary>One tensor type of GGUF. Sizes and layouts are those of ggml's <c>ggml-common.h</c>.</summary>
/// <param name="Id">Its number in the file.</param>
/// <param name="Name">Its name there, such as <c>Q4_1</c>.</param>
/// <param name="Elements">Elements a block; a row is a whole number of blocks.</param>
/// <param name="Bytes">Bytes a block.</param>
/// <param name="Decode">Null for a type that is known but not read.</param>
internal sealed record GgufType(uint Id, string Name, int Elements, int Bytes, GgufDecoder? Decode)
{
    /// <summary>Every type whose size is known. The one list to extend.</summary>
    public static IReadOnlyList<GgufType> All { get; } =
    [
        new(0, "F32", 1, 4, GgufFloats.F32),
        new(1, "F16", 1, 2, GgufFloats.F16),
        new(2, "Q4_0", 32, 18, GgufBlocks.Q40),
        new(3, "Q4_1", 32, 20, GgufBlocks.Q41),
        new(6, "Q5_0", 32, 22, GgufBlocks.Q50),
        new(7, "Q5_1", 32, 24, GgufBlocks.Q51),
        new(8, "Q8_0", 32, 34, GgufBlocks.Q80),
        new(10, "Q2_K", 256, 84, GgufSuperBlocks.Q2K),
        new(11, "Q3_K", 256, 110, GgufSuperBlocks.Q3K),
        new(12, "Q4_K", 256, 144, GgufSuperBlocks.Q4K),
        new(13, "Q5_K", 256, 176, GgufSuperBlocks.Q5K),
        new(14, "Q6_K", 256, 210, GgufSuperBlocks.Q6K),
        new(16, "IQ2_XXS", 256, 66, null),
        new(17, "IQ2_XS", 256, 74, null),
        new(18, "IQ3_XXS", 256, 98, null),
        new(19, "IQ1_S", 256, 50, null),
        new(20, "IQ4_NL", 32, 18, null),
        new(21, "IQ3_S", 256, 110, null),
        new(22, "IQ2_S", 256, 82, null),
        new(23, "IQ4_XS", 256, 136, null),
        new(24, "I8", 1, 1, null),
        new(25, "I16", 1, 2, null),
        new(26, "I32", 1, 4, null),
        new(27, "I64", 1, 8, null),
        new(28, "F64", 1, 8, null),
        new(29, "IQ1_M", 256, 56, null),
        new(30, "BF16", 1, 2, GgufFloats.BF16),
        new(34, "TQ1_0", 256, 54, null),
        new(35, "TQ2_0", 256, 66, null),
        new(39, "MXFP4", 32, 17, null),
    ];

    /// <summary>The names of the types that are read, for messages.</summary>
    public static string Supported { get; } =
        string.Join(", ", All.Where(format => format.Decode is not null).Select(format => format.Name));

    /// <summary>Whether its values are floating numbers; plain integers alone are not.</summary>
    public bool IsFloating => Id is not (>= 24 and <= 27);

    /// <summary>The type of a name, or null where nobody here knows it.</summary>
    public static GgufType? Find(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>The type of a number, or null where nobody here knows it.</summary>
    public static GgufType? Find(uint id) => All.FirstOrDefault(format => format.Id == id);
}
