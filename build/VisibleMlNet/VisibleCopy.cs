using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Microsoft.ML.PrefixTuning.Build;

/// <summary>
/// The bytes of an assembly in which the named types, their nested types and their internal members are public. Only
/// the visibility bits of three metadata tables change, so the copy has the original's identity and the compiler takes
/// it in the original's place. Private members stay private: among them are the explicit implementations of interfaces.
/// </summary>
/// <remarks>
/// Types that nobody named stay as they are. Were all of them public, ML.NET's internal names would come before
/// imported ones in every file of a <c>Microsoft.ML.*</c> namespace.
/// </remarks>
internal sealed class VisibleCopy
{
    private readonly byte[] _assembly;
    private readonly MetadataReader _metadata;
    private readonly int _metadataStart;

    public VisibleCopy(byte[] assembly, IReadOnlyCollection<string> types)
    {
        _assembly = assembly;
        using var image = new PEReader(new MemoryStream(assembly.ToArray()));
        _metadata = image.GetMetadataReader();
        _metadataStart = image.PEHeaders.MetadataStartOffset;
        foreach (TypeDefinitionHandle handle in _metadata.TypeDefinitions)
        {
            string name = FullName(handle);
            if (!types.Contains(name) && !types.Any(type => name.StartsWith(type + "+", StringComparison.Ordinal)))
                continue;
            Found.Add(name);
            ShowType(handle);
        }
    }

    /// <summary>The copy.</summary>
    public byte[] Assembly => _assembly;

    /// <summary>The full names of the types that were made public, with + before a nested one.</summary>
    public List<string> Found { get; } = [];

    private void ShowType(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        TypeAttributes visibility = type.IsNested ? TypeAttributes.NestedPublic : TypeAttributes.Public;
        if (!IsPrivate(type.Attributes))
        {
            Span<byte> row = Row(TableIndex.TypeDef, handle);
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(row);
            BinaryPrimitives.WriteUInt32LittleEndian(row,
                flags & ~(uint)TypeAttributes.VisibilityMask | (uint)visibility);
        }
        foreach (FieldDefinitionHandle field in type.GetFields())
            ShowMember(Row(TableIndex.Field, field), (int)FieldAttributes.FieldAccessMask);
        foreach (MethodDefinitionHandle method in type.GetMethods())
            ShowMember(Row(TableIndex.MethodDef, method)[6..], (int)MethodAttributes.MemberAccessMask);
    }

    /// <summary>Fields and methods share the numbers of their access levels.</summary>
    private static void ShowMember(Span<byte> flags, int mask)
    {
        ushort value = BinaryPrimitives.ReadUInt16LittleEndian(flags);
        if ((value & mask) is (int)MethodAttributes.Assembly or (int)MethodAttributes.FamANDAssem)
            BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(value & ~mask | (int)MethodAttributes.Public));
    }

    private static bool IsPrivate(TypeAttributes attributes) =>
        (attributes & TypeAttributes.VisibilityMask) == TypeAttributes.NestedPrivate;

    private Span<byte> Row(TableIndex table, EntityHandle handle) => _assembly.AsSpan(_metadataStart
        + _metadata.GetTableMetadataOffset(table)
        + (MetadataTokens.GetRowNumber(handle) - 1) * _metadata.GetTableRowSize(table));

    private string FullName(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        string name = _metadata.GetString(type.Name);
        return type.IsNested ? $"{FullName(type.GetDeclaringType())}+{name}"
            : $"{_metadata.GetString(type.Namespace)}.{name}";
    }
}
