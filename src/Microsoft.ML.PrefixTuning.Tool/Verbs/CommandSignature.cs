using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tool.Shards;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// What the rows that a command writes depend on, by name: options, files by their content, and this program.
/// </summary>
internal sealed class CommandSignature
{
    private readonly List<NamedValue> _values = [NamedValue.Named("program", Version)];

    /// <summary>The list.</summary>
    public NamedValues Values => new(_values);

    private static string Version => typeof(CommandSignature).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Adds a value.</summary>
    /// <param name="name">Its name; of each there is one.</param>
    /// <param name="value">A text of one line; null for none.</param>
    public CommandSignature Add(string name, string? value)
    {
        _values.Add(NamedValue.Named(name, value));
        return this;
    }

    /// <summary>Adds the options that a command line says.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="without">Options that name files or places.</param>
    public CommandSignature Options(ParseResult parsed, IReadOnlyCollection<Option> without)
    {
        _values.AddRange(parsed.CommandResult.Command.Options.Except(without)
            .Select(parsed.GetResult).OfType<OptionResult>().Where(result => !result.Implicit)
            .OrderBy(result => result.Option.Name, StringComparer.Ordinal)
            .Select(result => NamedValue.Named(result.Option.Name,
                string.Join(' ', result.Tokens.Select(token => JsonText.Quote(token.Value))))));
        return this;
    }

    /// <summary>Adds the content of files, or of the files of folders.</summary>
    /// <param name="role">What they are.</param>
    /// <param name="paths">Their paths; null for none. What is no file is left to its rows.</param>
    public CommandSignature Content(string role, params string?[] paths)
    {
        string[] hashes = [.. paths.OfType<string>().Where(TableFormats.IsFile)
            .SelectMany(path => Directory.Exists(path)
                ? Directory.EnumerateFiles(path).Order(StringComparer.Ordinal) : (IEnumerable<string>)[path])
            .Select(SourceFile.HashOf)];
        return Add(role, hashes.Length == 0 ? null : string.Join(' ', hashes));
    }

    /// <summary>Adds a base. Its files, which may be large, are told by their stamps.</summary>
    /// <param name="path">Folder or GGUF file; null for none.</param>
    public CommandSignature Base(string? path) => Add("base",
        path is null ? null : JsonText.Quote(FileStamps.Of(path).Key));

    /// <summary>The hash, hexadecimal.</summary>
    public override string ToString() =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Values.ToString())));
}
