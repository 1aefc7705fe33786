using System;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>
/// What a verb reads from and writes to: results to <see cref="Out"/>, everything else to <see cref="Error"/>.
/// </summary>
/// <param name="input">Standard input.</param>
/// <param name="output">Standard output.</param>
/// <param name="error">Standard error.</param>
internal sealed class ToolConsole(TextReader input, TextWriter output, TextWriter error) : IDisposable
{
    // Wide enough that no table of this tool is folded where there is no terminal to ask.
    private const int PlainWidth = 160;

    public TextReader In { get; } = input;

    public TextWriter Out { get; } = output;

    public TextWriter Error { get; } = error;

    /// <summary>Whether a person watches <see cref="Error"/>.</summary>
    public bool IsErrorTerminal { get; init; }

    /// <summary>Whether a terminal can move its cursor back; null to find out from its surroundings.</summary>
    public bool? MovesCursor { get; init; }

    /// <summary>Whether a person watches <see cref="Out"/>.</summary>
    public bool IsOutTerminal { get; private init; }

    /// <summary>The console of this process; text is UTF-8 everywhere.</summary>
    public static ToolConsole OfProcess() => new(
        StandardInput.Open(),
        new StreamWriter(StandardStream.OfResults(Console.OpenStandardOutput()), TextFiles.Utf8),
        new StreamWriter(StandardStream.OfMessages(Console.OpenStandardError()), TextFiles.Utf8) { AutoFlush = true })
    {
        IsErrorTerminal = !Console.IsErrorRedirected,
        IsOutTerminal = !Console.IsOutputRedirected,
    };

    /// <summary>Spectre's view of <see cref="Error"/>, for progress.</summary>
    public IAnsiConsole MakeErrorConsole() => Make(Error, IsErrorTerminal, MovesCursor);

    /// <summary>Writes something with a layout to <see cref="Out"/>.</summary>
    public void Write(IRenderable content) => Make(Out, IsOutTerminal, MovesCursor).Write(content);

    public void Dispose()
    {
        Out.Dispose();
        Error.Dispose();
        In.Dispose();
    }

    private static IAnsiConsole Make(TextWriter writer, bool isTerminal, bool? movesCursor)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = !isTerminal || movesCursor == false ? AnsiSupport.No
                : movesCursor == true ? AnsiSupport.Yes : AnsiSupport.Detect,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = !isTerminal || movesCursor == false ? InteractionSupport.No
                : movesCursor == true ? InteractionSupport.Yes : InteractionSupport.Detect,
        });
        if (!isTerminal)
            console.Profile.Width = PlainWidth;
        console.Profile.Capabilities.Unicode = true;
        return console;
    }
}

/// <summary>How text files are read and written.</summary>
internal static class TextFiles
{
    /// <summary>Without a byte order mark; bytes that are no UTF-8 are an error and not replaced.</summary>
    public static Encoding Utf8 { get; } =
        new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // StreamReader finds a mark by itself too, and then replaces bytes that are no text. UTF-32's begins as UTF-16's.
    private static readonly Encoding[] Marked =
    [
        new UTF32Encoding(bigEndian: false, byteOrderMark: true, throwOnInvalidCharacters: true),
        new UTF32Encoding(bigEndian: true, byteOrderMark: true, throwOnInvalidCharacters: true),
        new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true),
        new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true),
        new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true),
    ];

    /// <summary>Reads a file or a pipe as <see cref="MarkedReader"/> does.</summary>
    public static MarkedReader Open(string path) => new(File.OpenRead(path));

    /// <summary>Name of the encoding of what is read, for messages.</summary>
    public static string EncodingOf(TextReader reader) =>
        (reader is MarkedReader marked ? marked.Encoding : Utf8).WebName.ToUpperInvariant();

    /// <summary>The encoding of a text: what its byte order mark says, else UTF-8.</summary>
    /// <param name="start">Its first bytes, four of them or all.</param>
    public static Encoding EncodingOf(ReadOnlySpan<byte> start)
    {
        foreach (Encoding encoding in Marked)
        {
            if (start.StartsWith(encoding.Preamble))
                return encoding;
        }
        return Utf8;
    }

    /// <summary>All of a file.</summary>
    /// <exception cref="FormatException">It is no text, no UTF-8, and not what its byte order mark says.</exception>
    /// <exception cref="FileNotFoundException">It is not there, or is a folder.</exception>
    public static string Read(string path)
    {
        if (TableFormats.IsFile(path) && !File.Exists(path))
        {
            throw new FileNotFoundException(
                $"'{path}': expected a file of text, found {FileHint.WithoutFile(path)}.", path);
        }
        using MarkedReader reader = Open(path);
        try
        {
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException fault)
        {
            throw new FormatException($"'{path}': expected {EncodingOf(reader)}, found other bytes.", fault);
        }
        catch (InvalidDataException fault)
        {
            throw new FormatException($"'{path}': expected a text, found {fault.Message}.", fault);
        }
    }
}
