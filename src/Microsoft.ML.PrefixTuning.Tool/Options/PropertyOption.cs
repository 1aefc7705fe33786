using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>One property of an option record as an option of a command.</summary>
internal sealed class PropertyOption
{
    private readonly Func<ParseResult, object> _read;

    private PropertyOption(PropertyInfo property, Option symbol, Func<ParseResult, object> read) =>
        (Property, Symbol, _read) = (property, symbol, read);

    public PropertyInfo Property { get; }

    public Option Symbol { get; }

    /// <summary>Makes the option, or null for a type that no command line can say.</summary>
    /// <param name="property">The property.</param>
    /// <param name="name">With its hyphens.</param>
    /// <param name="defaultValue">Shown by the help; null for none.</param>
    public static PropertyOption? Make(PropertyInfo property, string name, object? defaultValue)
    {
        if (property.PropertyType == typeof(bool))
        {
            var flag = new Option<bool>(name) { Description = OptionComments.Describe(property, hasDefault: true) };
            return new PropertyOption(property, flag, parsed => parsed.GetValue(flag));
        }
        if (!OptionText.IsKnown(OptionText.ItemOf(property)))
            return null;
        return OptionText.IsList(property) ? MakeList(property, name, defaultValue)
            : MakeSingle(property, name, defaultValue);
    }

    /// <summary>Whether the command line says it.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetResult(Symbol) is { Implicit: false };

    /// <summary>Its value there.</summary>
    public object Read(ParseResult parsed) => _read(parsed);

    private static PropertyOption MakeList(PropertyInfo property, string name, object? defaultValue)
    {
        string meaning = OptionComments.Describe(property, hasDefault: defaultValue is not null);
        var list = new Option<string[]>(name)
        {
            Description = $"{meaning} Repeat the option for several.",
            HelpName = OptionText.Placeholder(property),
        };
        list.Validators.Add(result => Check(result, property));
        return new PropertyOption(property, list, parsed => OptionText.ParseList(property,
            parsed.GetValue(list)!.Select(typed => EscapedText.ReadOf(property, typed))));
    }

    private static PropertyOption MakeSingle(PropertyInfo property, string name, object? defaultValue)
    {
        var single = new Option<string>(name)
        {
            Description = OptionComments.Describe(property, hasDefault: defaultValue is not null),
            HelpName = OptionText.Placeholder(property),
        };
        if (defaultValue is not null)
            single.DefaultValueFactory = _ => OptionText.Show(defaultValue);
        single.Validators.Add(result => Check(result, property));
        return new PropertyOption(property, single, parsed =>
            OptionText.Parse(property, EscapedText.ReadOf(property, parsed.GetValue(single)!)));
    }

    private static void Check(OptionResult result, PropertyInfo property)
    {
        foreach (Token token in result.Tokens)
        {
            try
            {
                OptionText.Parse(property, EscapedText.ReadOf(property, token.Value));
            }
            catch (FormatException fault)
            {
                result.AddError($"{result.Option.Name}: {fault.Message}");
            }
        }
    }
}
