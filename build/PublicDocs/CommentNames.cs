using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq;
using System.Reflection.Metadata;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Build;

/// <summary>Names of types and members in documentation files (C# specification, annex D.4.2).</summary>
internal sealed partial class CommentNames(MetadataReader metadata) : ISignatureTypeProvider<string, object?>
{
    /// <summary>The full name of a type, a dot before a nested one.</summary>
    public string Of(TypeDefinitionHandle handle)
    {
        TypeDefinition type = metadata.GetTypeDefinition(handle);
        string name = metadata.GetString(type.Name);
        return type.IsNested ? $"{Of(type.GetDeclaringType())}.{name}" : Joined(type.Namespace, name);
    }

    /// <summary>A method's name and parameters, without the type before it.</summary>
    public string Of(MethodDefinition method)
    {
        MethodSignature<string> signature = method.DecodeSignature(this, null);
        string name = metadata.GetString(method.Name);
        string arity = signature.GenericParameterCount > 0 ? $"``{signature.GenericParameterCount}" : "";
        string result = name is "op_Implicit" or "op_Explicit" ? "~" + signature.ReturnType : "";
        return name.Replace('.', '#') + arity + Parameters(signature) + result;
    }

    /// <summary>A property's name and parameters, without the type before it.</summary>
    public string Of(PropertyDefinition property) =>
        metadata.GetString(property.Name) + Parameters(property.DecodeSignature(this, null));

    public string GetPrimitiveType(PrimitiveTypeCode typeCode) => $"System.{typeCode}";

    public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
        Of(handle);

    public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
    {
        TypeReference type = metadata.GetTypeReference(handle);
        string name = metadata.GetString(type.Name);
        return type.ResolutionScope.Kind == HandleKind.TypeReference
            ? $"{GetTypeFromReference(reader, (TypeReferenceHandle)type.ResolutionScope, rawTypeKind)}.{name}"
            : Joined(type.Namespace, name);
    }

    public string GetTypeFromSpecification(
        MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) =>
        metadata.GetTypeSpecification(handle).DecodeSignature(this, genericContext);

    /// <summary>Every mark of a number of type parameters takes as many of the arguments.</summary>
    public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments)
    {
        int taken = 0;
        return ArityMark().Replace(genericType, mark =>
        {
            int count = int.Parse(mark.Groups[1].Value, CultureInfo.InvariantCulture);
            taken += count;
            return $"{{{string.Join(',', typeArguments.Skip(taken - count).Take(count))}}}";
        });
    }

    public string GetSZArrayType(string elementType) => elementType + "[]";

    public string GetArrayType(string elementType, ArrayShape shape) =>
        $"{elementType}[{string.Join(',', Enumerable.Repeat("0:", shape.Rank))}]";

    public string GetByReferenceType(string elementType) => elementType + "@";

    public string GetPointerType(string elementType) => elementType + "*";

    public string GetPinnedType(string elementType) => elementType;

    public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;

    public string GetGenericTypeParameter(object? genericContext, int index) => $"`{index}";

    public string GetGenericMethodParameter(object? genericContext, int index) => $"``{index}";

    public string GetFunctionPointerType(MethodSignature<string> signature) => "=FUNC";

    private static string Parameters(MethodSignature<string> signature) =>
        signature.ParameterTypes is [] ? "" : $"({string.Join(',', (IEnumerable<string>)signature.ParameterTypes)})";

    private string Joined(StringHandle space, string name) =>
        space.IsNil ? name : $"{metadata.GetString(space)}.{name}";

    [GeneratedRegex("`([0-9]+)")]
    private static partial Regex ArityMark();
}
