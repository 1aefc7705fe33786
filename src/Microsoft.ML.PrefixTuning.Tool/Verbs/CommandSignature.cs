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
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// What the rows that a command writes depend on, as a hash: options, files by their content, and this program.
/// </summary>
internal sealed class CommandSignature
{
    private readonly List<string> _parts = [Version];

    private static string Version => typeof(CommandSignature).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Adds the options that a command line says.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="without">Options that name files or places.</param>
    public CommandSignature Options(ParseResult parsed, IReadOnlyCollection<Option> without)
    {
        _parts.AddRange(parsed.CommandResult.Command.Options.Except(without)
            .Select(parsed.GetResult).OfType<OptionResult>().Where(result => !result.Implicit)
            .Select(result => string.Join('\0', result.Tokens.Select(token => token.Value).Prepend(result.Option.Name)))
            .Order(StringComparer.Ordinal));
        return this;
    }

    /// <summary>Adds the content of a file, or of the files of a folder.</summary>
    /// <param name="role">What it is.</param>
    /// <param name="path">Its path; null for none. What is no file is left to its rows.</param>
    public CommandSignature Content(string role, string? path)
    {
        if (path is null || !TableFormats.IsFile(path))
            return this;
        IEnumerable<string> files =
            Directory.Exists(path) ? Directory.EnumerateFiles(path).Order(StringComparer.Ordinal) : [path];
        _parts.AddRange(files.Select(file => $"{role}\0{HashOf(file)}"));
        return this;
    }

    /// <summary>Adds a base. Its files, which may be large, are told by their stamps.</summary>
    /// <param name="path">Folder or GGUF file; null for none.</param>
    public CommandSignature Base(string? path)
    {
        if (path is not null)
            _parts.Add(FileStamps.Of(path).Key);
        return this;
    }

    /// <summary>The hash, hexadecimal.</summary>
    public override string ToString() =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', _parts))));

    private static string HashOf(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
