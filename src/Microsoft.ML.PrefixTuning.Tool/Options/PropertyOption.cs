using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;

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
        Type type = property.PropertyType;
        bool isPlain = defaultValue is not null && type != typeof(bool);
        string description = OptionComments.Describe(property, hasDefault: isPlain || type == typeof(bool));
        if (type == typeof(bool))
        {
            var flag = new Option<bool>(name) { Description = description };
            return new PropertyOption(property, flag, parsed => parsed.GetValue(flag));
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)
            && OptionText.IsKnown(type.GenericTypeArguments[0]))
        {
            Type item = type.GenericTypeArguments[0];
            var list = new Option<string[]>(name)
            {
                Description = $"{description} Repeat the option for several.",
                HelpName = OptionText.Placeholder(item)
            };
            list.Validators.Add(result => Check(result, item));
            return new PropertyOption(property, list, parsed => OptionText.ParseList(item, parsed.GetValue(list)!));
        }
        if (!OptionText.IsKnown(type))
            return null;
        var single = new Option<string>(name) { Description = description, HelpName = OptionText.Placeholder(type) };
        if (isPlain)
            single.DefaultValueFactory = _ => OptionText.Show(defaultValue!);
        single.Validators.Add(result => Check(result, type));
        return new PropertyOption(property, single, parsed => OptionText.Parse(type, parsed.GetValue(single)!));
    }

    /// <summary>Whether the command line says it.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetResult(Symbol) is { Implicit: false };

    /// <summary>Its value there.</summary>
    public object Read(ParseResult parsed) => _read(parsed);

    private static void Check(OptionResult result, Type type)
    {
        foreach (Token token in result.Tokens)
        {
            try
            {
                OptionText.Parse(type, token.Value);
            }
            catch (FormatException fault)
            {
                result.AddError($"{result.Option.Name}: {fault.Message}");
            }
        }
    }
}
