using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.PrefixTuning.MlNet;

/// <summary>
/// The members of ML.NET that this library was compiled against, read from its own metadata: whether the version that
/// is loaded has them all. Members that are not public may go with any release.
/// </summary>
internal static class MlNetMembers
{
    private const string AssemblyPrefix = "Microsoft.ML.";

    private static readonly Lazy<string?> OwnMissing = new(() => FindMissing(typeof(MlNetMembers).Assembly));

    /// <summary>What is missing, in the runtime's words; null where nothing is. Looked for once.</summary>
    public static string? Missing => OwnMissing.Value;

    /// <summary>The first member of ML.NET that an assembly uses and that is not there; null where all are.</summary>
    /// <param name="assembly">Has the references.</param>
    /// <param name="resolve">Finds what a metadata token stands for; the assembly's own by default.</param>
    public static string? FindMissing(Assembly assembly, Func<int, object?>? resolve = null)
    {
        resolve ??= token => assembly.ManifestModule.ResolveMember(token);
        foreach (int token in References(assembly))
        {
            try
            {
                resolve(token);
            }
            catch (Exception fault) when (fault is MissingMemberException or TypeLoadException)
            {
                return fault.Message;
            }
        }
        return assembly.GetTypes().SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic))
            .Select(MissingField).FirstOrDefault(missing => missing is not null);
    }

    /// <summary>Tokens of the members of ML.NET's types that an assembly refers to.</summary>
    public static unsafe IReadOnlyList<int> References(Assembly assembly)
    {
        if (!assembly.TryGetRawMetadata(out byte* blob, out int length))
            return [];
        var metadata = new MetadataReader(blob, length);
        return [.. metadata.MemberReferences
            .Where(handle => IsMlNet(metadata, metadata.GetMemberReference(handle).Parent))
            .Select(handle => MetadataTokens.GetToken(handle))];
    }

    /// <summary>A private field that a method reaches and that is not there; null where it is.</summary>
    internal static string? MissingField(MethodInfo method)
    {
        if (method.GetCustomAttribute<UnsafeAccessorAttribute>() is not { Kind: UnsafeAccessorKind.Field } accessor)
            return null;
        ParameterInfo owner = method.GetParameters()[0];
        string? name = owner.GetCustomAttribute<UnsafeAccessorTypeAttribute>()?.TypeName;
        Type? type = name is null ? owner.ParameterType : Type.GetType(name);
        if (type is null)
            return $"Type not found: '{name}'.";
        return type.GetField(accessor.Name!, BindingFlags.Instance | BindingFlags.NonPublic) is null
            ? $"Field not found: '{type.FullName}.{accessor.Name}'." : null;
    }

    private static bool IsMlNet(MetadataReader metadata, EntityHandle parent)
    {
        // Generic types are told by their instances, all of which are public.
        while (parent.Kind == HandleKind.TypeReference)
            parent = metadata.GetTypeReference((TypeReferenceHandle)parent).ResolutionScope;
        return parent.Kind == HandleKind.AssemblyReference && metadata.GetString(
            metadata.GetAssemblyReference((AssemblyReferenceHandle)parent).Name)
            .StartsWith(AssemblyPrefix, StringComparison.Ordinal);
    }
}
