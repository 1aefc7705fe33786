using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>A description of a model with one member of one of its parts moved to another value.</summary>
/// <param name="Member">Type and name of the member, such as <c>StackSpec.Layers</c>.</param>
/// <param name="Path">Where it stands, for messages.</param>
/// <param name="Spec">The whole description.</param>
internal sealed record SpecMutation(string Member, string Path, TransformerSpec Spec)
{
    private static readonly Assembly Library = typeof(TransformerSpec).Assembly;

    /// <summary>Every member that holds a value, of every record that a description can be made of.</summary>
    public static IReadOnlySet<string> AllMembers()
    {
        var seen = new HashSet<Type>();
        Visit(typeof(TransformerSpec));
        return seen.SelectMany(Settable).Where(member => !IsPart(member.PropertyType) || CanBeMissing(member))
            .Select(NameOf).ToHashSet();

        void Visit(Type type)
        {
            if (!IsPart(type) || !seen.Add(type))
                return;
            foreach (Type derived in Library.GetTypes().Where(other => other.IsSubclassOf(type)))
                Visit(derived);
            foreach (PropertyInfo member in Settable(type))
                Visit(member.PropertyType);
        }
    }

    /// <summary>All descriptions that differ from one in one member.</summary>
    public static IEnumerable<SpecMutation> Of(TransformerSpec spec) =>
        Mutate(spec).Select(moved => new SpecMutation(moved.Member, moved.Path, (TransformerSpec)moved.Value));

    private static IEnumerable<(string Member, string Path, object Value)> Mutate(object part)
    {
        foreach (PropertyInfo member in Settable(part.GetType()))
        {
            object? value = member.GetValue(part);
            foreach (object? other in Others(member, value))
                yield return (NameOf(member), $"{member.Name} = {other ?? "null"}", With(part, member, other));
            if (value is not null && IsPart(value.GetType()))
            {
                foreach ((string inner, string path, object moved) in Mutate(value))
                    yield return (inner, $"{member.Name}.{path}", With(part, member, moved));
            }
        }
    }

    private static IEnumerable<object?> Others(PropertyInfo member, object? value)
    {
        // A number that is null stands for a usual one, which may be the one that is given.
        if (value is not null && IsPart(member.PropertyType) && CanBeMissing(member))
            yield return null;
        if (member.PropertyType.IsEnum)
        {
            IEnumerable<object> values = Enum.GetValues(member.PropertyType).Cast<object>();
            foreach (object other in values.Where(other => !other.Equals(value)))
                yield return other;
        }
        else if (!IsPart(member.PropertyType))
        {
            yield return Moved(member, value);
        }
    }

    private static object Moved(PropertyInfo member, object? value) => (value, member.PropertyType) switch
    {
        (bool flag, _) => !flag,
        (int number, _) => number - 1,
        (double number, _) => number * 3 + 1,
        (string text, _) => text + "x",
        (float[] numbers, _) => numbers.Select(number => number * 3 + 1).ToArray(),
        (null, { } type) when type == typeof(double?) => 0.3,
        (null, { } type) when type == typeof(int?) => 3,
        (IReadOnlyList<int?> windows, _) => windows.Select(window => window + 1).Append(7).ToArray(),
        (IReadOnlyList<int> ids, _) => ids.Append(7).ToArray(),
        _ => throw new NotSupportedException(
            $"{NameOf(member)}: a value of type {member.PropertyType}: say here how it is moved."),
    };

    private static object With(object part, PropertyInfo member, object? value)
    {
        object copy = part.GetType().GetMethod("<Clone>$")!.Invoke(part, null)!;
        member.SetValue(copy, value);
        return copy;
    }

    private static bool IsPart(Type type) => type.Assembly == Library && type.GetMethod("<Clone>$") is not null;

    private static bool CanBeMissing(PropertyInfo member) =>
        new NullabilityInfoContext().Create(member).WriteState == NullabilityState.Nullable;

    // What has no setter follows from the rest.
    private static IEnumerable<PropertyInfo> Settable(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(member => member.CanWrite);

    private static string NameOf(PropertyInfo member) => $"{member.DeclaringType!.Name}.{member.Name}";
}
