using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Reflection.Metadata;

namespace Microsoft.ML.PrefixTuning.Build;

/// <summary>The types and members of an assembly that other assemblies see, as documentation files name them.</summary>
internal sealed class VisibleMembers(MetadataReader metadata)
{
    private readonly CommentNames _names = new(metadata);

    /// <summary>T:, M:, P:, F: and E: names.</summary>
    public IEnumerable<string> Names => metadata.TypeDefinitions.Where(IsVisible).SelectMany(NamesOf);

    private IEnumerable<string> NamesOf(TypeDefinitionHandle handle)
    {
        TypeDefinition type = metadata.GetTypeDefinition(handle);
        string name = _names.Of(handle);
        yield return "T:" + name;
        foreach (MethodDefinition method in type.GetMethods().Where(IsVisible).Select(metadata.GetMethodDefinition))
            yield return $"M:{name}.{_names.Of(method)}";
        foreach (FieldDefinition field in type.GetFields().Select(metadata.GetFieldDefinition))
        {
            if (IsVisible((MethodAttributes)(field.Attributes & FieldAttributes.FieldAccessMask)))
                yield return $"F:{name}.{metadata.GetString(field.Name)}";
        }
        foreach (PropertyDefinition property in type.GetProperties().Select(metadata.GetPropertyDefinition))
        {
            PropertyAccessors accessors = property.GetAccessors();
            if (IsVisible(accessors.Getter) || IsVisible(accessors.Setter))
                yield return $"P:{name}.{_names.Of(property)}";
        }
        foreach (EventDefinition @event in type.GetEvents().Select(metadata.GetEventDefinition))
        {
            if (IsVisible(@event.GetAccessors().Adder))
                yield return $"E:{name}.{metadata.GetString(@event.Name)}";
        }
    }

    private bool IsVisible(TypeDefinitionHandle handle)
    {
        TypeDefinition type = metadata.GetTypeDefinition(handle);
        return (type.Attributes & TypeAttributes.VisibilityMask) switch
        {
            TypeAttributes.Public => true,
            TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem =>
                IsVisible(type.GetDeclaringType()),
            _ => false,
        };
    }

    private bool IsVisible(MethodDefinitionHandle handle) =>
        !handle.IsNil && IsVisible(metadata.GetMethodDefinition(handle).Attributes & MethodAttributes.MemberAccessMask);

    // Fields have the same numbers.
    private static bool IsVisible(MethodAttributes access) =>
        access is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;
}
