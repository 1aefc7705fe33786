using System;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>
/// A line of the table of options: a member of an option record, and which of four places it belongs to.
/// </summary>
/// <param name="Record">The record that has it.</param>
/// <param name="Member">Its name.</param>
/// <param name="Other">A value off its default, or a function that makes it.</param>
internal sealed record OptionEntry(Type Record, string Member, object? Other)
{
    /// <summary>
    /// The record that <see cref="Other"/> is put into, where a default record would be refused with it.
    /// </summary>
    public object? Into { get; init; }

    /// <summary>
    /// What it is called on the command line, with <see cref="Other"/> as it is written there; null: nothing.
    /// </summary>
    public string[]? Line { get; init; }

    /// <summary>Why the command line cannot say it; null where it can.</summary>
    public string? NotOnLine { get; init; }

    /// <summary>Why saved models do not have it; null where they do.</summary>
    public string? NotSaved { get; init; }

    /// <summary>Why the state of a training does not have it; null where it does.</summary>
    public string? NotSigned { get; init; }

    /// <summary>Whether the base must be an encoder-decoder model for it to mean something.</summary>
    public bool NeedsEncoder { get; init; }

    /// <summary>The member itself.</summary>
    public PropertyInfo Property => Record.GetProperty(Member)
        ?? throw new InvalidOperationException($"{this}: the table of options names it, but there is no such member.");

    /// <summary>The value off its default.</summary>
    public object? Value => Other is Func<object> make ? make() : Other;

    /// <summary>The record with all other members at their defaults.</summary>
    public object Default => Into ?? Activator.CreateInstance(Record)!;

    /// <summary>What a training with it is compared with, where none is possible without it.</summary>
    public object? Against { get; init; }

    /// <summary>The record with <see cref="Value"/> in it.</summary>
    public object Changed => OptionValues.With(Default, Property, Value);

    public override string ToString() => $"{Record.Name}.{Member}";
}
