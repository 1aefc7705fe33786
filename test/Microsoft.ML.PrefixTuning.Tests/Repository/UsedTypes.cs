using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Reflection.Emit;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The types that a compiled member names: in signature, local variables and instructions.</summary>
internal static class UsedTypes
{
    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic
        | BindingFlags.Instance | BindingFlags.Static;

    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes).GetFields()
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>What a type's declaration names: its base and its interfaces.</summary>
    public static IEnumerable<Type> OfDeclaration(Type type) =>
        type.GetInterfaces().Append(type.BaseType).OfType<Type>().SelectMany(Parts);

    /// <summary>The members a type declares itself.</summary>
    public static IEnumerable<MemberInfo> Members(Type type) =>
        type.GetMembers(Declared).Where(member => member is FieldInfo or MethodBase);

    /// <summary>What a member names.</summary>
    public static IEnumerable<Type> Of(MemberInfo member) => member switch
    {
        FieldInfo field => Parts(field.FieldType),
        MethodBase method => OfSignature(method).Concat(OfBody(method)),
        _ => [],
    };

    private static IEnumerable<Type> OfSignature(MethodBase method)
    {
        IEnumerable<Type> types = method.GetParameters().Select(parameter => parameter.ParameterType);
        return (method is MethodInfo { ReturnType: { } returned } ? types.Append(returned) : types).SelectMany(Parts);
    }

    private static IEnumerable<Type> OfBody(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body)
            return [];
        Type[] typeArguments = method.DeclaringType!.GetGenericArguments();
        Type[] methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        return body.LocalVariables.SelectMany(local => Parts(local.LocalType))
            .Concat(Tokens(body.GetILAsByteArray()!)
                .SelectMany(token => Named(method.Module.ResolveMember(token, typeArguments, methodArguments)!)));
    }

    private static IEnumerable<Type> Named(MemberInfo member) => member switch
    {
        Type type => Parts(type),
        MethodInfo { IsGenericMethod: true } method =>
            Parts(method.DeclaringType!).Concat(method.GetGenericArguments().SelectMany(Parts)),
        _ => Parts(member.DeclaringType!),
    };

    /// <summary>The metadata tokens of instructions that name a type or a member.</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (int at = 0; at < code.Length;)
        {
            bool isWide = code[at] == 0xFE;
            OpCode operation = Codes[isWide ? (short)(0xFE00 | code[at + 1]) : code[at]];
            at += operation.Size;
            if (operation.OperandType is OperandType.InlineType or OperandType.InlineMethod or OperandType.InlineField
                or OperandType.InlineTok)
                yield return BitConverter.ToInt32(code, at);
            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    /// <summary>A type's own parts: elements of arrays, arguments of generics, the outermost of nested ones.</summary>
    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType)
            return Parts(type.GetElementType()!);
        if (type.IsGenericParameter)
            return [];
        IEnumerable<Type> arguments =
            type.GetGenericArguments().Where(argument => argument != type).SelectMany(Parts);
        Type outer = type;
        while (outer.DeclaringType is { } declaring)
            outer = declaring;
        return arguments.Append(outer.IsGenericType ? outer.GetGenericTypeDefinition() : outer);
    }
}
