using System;
using System.Collections;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Threading;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>Options as C#: what is not a default, as an object creation.</summary>
internal static class OptionCode
{
    // What a sweep or a caller decides is no part of a candidate.
    private static readonly string[] Left =
    [
        nameof(TrainingOptions.StateFile), nameof(TrainingOptions.StateInterval), nameof(TrainingOptions.WhenCancelled),
    ];

    /// <summary>An expression, on one line.</summary>
    public static string Of(PrefixTuningOptions options) => OfRecord(options);

    private static string OfRecord(object record)
    {
        Type type = record.GetType();
        object defaults = Activator.CreateInstance(type, nonPublic: true)!;
        string[] members =
        [
            .. OptionMembers.Of(type)
                .Where(member => IsPlain(member.PropertyType) && !Left.Contains(member.Name))
                .Select(member => (member.Name, Value: Of(member.GetValue(record)),
                    Default: Of(member.GetValue(defaults))))
                .Where(member => member.Value != member.Default)
                .Select(member => $"{member.Name} = {member.Value}"),
        ];
        return members.Length == 0 ? $"new {type.Name}()" : $"new {type.Name} {{ {string.Join(", ", members)} }}";
    }

    private static bool IsPlain(Type type) => !typeof(Delegate).IsAssignableFrom(type)
        && !typeof(IDataView).IsAssignableFrom(type) && type != typeof(CancellationToken);

    private static string Of(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        string text => Quote(text),
        Enum name => $"{name.GetType().Name}.{name}",
        IFormattable number when value.GetType().IsPrimitive => number.ToString(null, CultureInfo.InvariantCulture),
        Prefix prefix => $"Prefix.Load(\"prefix.safetensors\" /* {prefix.Hash()} */)",
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Of))}]",
        _ when value.GetType().IsPublic => OfRecord(value),
        // A kind without members is a static member of the type that it is a kind of.
        _ => $"{value.GetType().BaseType!.Name}.{NameOf(value)}",
    };

    private static string NameOf(object kind) => kind switch
    {
        PrefixMethod method => method.Name,
        Parametrization parametrization => parametrization.Name,
        PrefixStart start => start.Name,
        _ => nameof(Decoding.Greedy),
    };

    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char letter in text)
        {
            quoted.Append(letter switch
            {
                '\n' => "\\n",
                '\t' => "\\t",
                '\\' => "\\\\",
                '"' => "\\\"",
                // Separators of lines and paragraphs end a literal as line breaks do.
                _ => char.IsControl(letter) || letter is '\u2028' or '\u2029' ? $"\\u{(int)letter:x4}"
                    : letter.ToString(),
            });
        }
        return quoted.Append('"').ToString();
    }
}
