using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The public members are a checked-in text: a change of them shows in review.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PublicApiTests
{
    private static readonly string File = Path.Combine(Source.Root, "docs", "public-api.txt");

    [TestMethod]
    public void PublicMembers_OfTheLibrary_AreAsListed()
    {
        string found = Describe(typeof(PrefixTuningTransformer).Assembly)
            + Describe(typeof(TextGeneratorChatExtensions).Assembly) + Describe(typeof(LlamaCppGenerator).Assembly)
            + Describe(typeof(MpiWorkers).Assembly) + Describe(typeof(PrefixTuningServiceExtensions).Assembly);
        string listed = System.IO.File.Exists(File) ? System.IO.File.ReadAllText(File).ReplaceLineEndings("\n") : "";
        if (Environment.GetEnvironmentVariable("PREFIX_TUNING_WRITE_DOCS") == "1")
        {
            System.IO.File.WriteAllText(File, found);
            return;
        }
        Assert.AreEqual(listed, found,
            "docs/public-api.txt differs from the library; where that is meant, run this test with"
                + " PREFIX_TUNING_WRITE_DOCS=1.");
    }

    private static string Describe(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (Type type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(Kind(type)).Append(' ').Append(type.FullName).Append('\n');
            foreach (string member in Members(type).Order(StringComparer.Ordinal))
                text.Append("    ").Append(member).Append('\n');
        }
        return text.ToString();
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct"
        : type is { IsAbstract: true, IsSealed: true } ? "static class" : type.IsAbstract ? "abstract class"
            : type.IsSealed ? "sealed class" : "class";

    private static IEnumerable<string> Members(Type type)
    {
        const BindingFlags All =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static
            | BindingFlags.DeclaredOnly;
        if (type.IsEnum)
            return Enum.GetNames(type);
        bool isRecord = type.GetMethod("<Clone>$") is not null;
        return type.GetMembers(All).Where(IsVisible)
            .Where(member => !member.Name.Contains('<') && !(isRecord && IsOfRecord(member)))
            .Where(member => member is not MethodInfo { IsSpecialName: true }).Select(member => member switch
            {
                PropertyInfo property =>
                    $"{Name(property.PropertyType)} {property.Name} {{"
                        + $" get;{Setter(property)} }}",
                MethodInfo method =>
                    $"{(method.IsStatic ? "static " : "")}{Name(method.ReturnType)}"
                        + $" {method.Name}({Parameters(method)})",
                ConstructorInfo constructor => $"new({Parameters(constructor)})",
                _ => member.ToString()!,
            });
    }

    private static bool IsVisible(MemberInfo member) => member switch
    {
        MethodBase method => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly,
        PropertyInfo property => property.GetMethod is { } get && IsVisible(get),
        FieldInfo field => field.IsPublic || field.IsFamily,
        Type nested => nested.IsNestedPublic,
        _ => true,
    };

    private static bool IsInit(MethodInfo set) =>
        set.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit");

    // What the compiler writes for every record.
    private static bool IsOfRecord(MemberInfo member) =>
        member.Name is "Equals" or "GetHashCode" or "ToString" or "PrintMembers"
        or "EqualityContract" or "Deconstruct" || member is ConstructorInfo { IsFamily: true };

    private static string Setter(PropertyInfo property) =>
        property.SetMethod is not { } set || !IsVisible(set) ? "" : IsInit(set) ? " init;" : " set;";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
        $"{Name(parameter.ParameterType)} {parameter.Name}"
        + (parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "null"}" : "")));

    private static string Name(Type type) => TypeName.Of(type);
}
