using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>What <c>inspect</c> says of rows: how long they are for a base.</summary>
internal sealed class RowInspection
{
    private readonly Option<string> _base =
        BaseArgument.MakeOption("Where the path is a file of rows, the base that they are for");
    private readonly Option<string> _input =
        new("--input") { Description = "Column that is read.", HelpName = "column" };
    private readonly Option<string> _label =
        new("--label") { Description = "Column with the wanted texts, for rows to train on.", HelpName = "column" };
    private readonly Option<string> _template =
        new("--template") { Description = "Text around the input, as in train.", HelpName = "text" };
    private readonly Option<int> _prefixLength =
        new("--prefix-length")
        {
            Description = "Tokens that a prefix takes in the window.",
            HelpName = "number",
            DefaultValueFactory = _ => new PrefixOptions().Length,
        };
    private readonly Option<TableFormat?> _format =
        FormatOption.Make("--format", "Format of the rows, where the file's name does not tell");
    private readonly ToolConsole _console;
    private readonly Option[] _others;

    /// <summary>Adds the options to a command.</summary>
    public RowInspection(ToolConsole console, Verb command)
    {
        _console = console;
        _template.Validators.Add(result =>
        {
            try
            {
                if (result.Tokens is [{ Value: { } typed }] && EscapedText.Read(typed) is not NamedTemplate.Chat
                    && InputPlaceholder.CountIn(EscapedText.Read(typed)) != 1)
                {
                    result.AddError(
                        $"{_template.Name}: expected {InputPlaceholder.Text} exactly once, found '{typed}'.");
                }
            }
            catch (FormatException fault)
            {
                result.AddError($"{_template.Name}: {fault.Message}");
            }
        });
        _prefixLength.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: { } given }]
                && !(int.TryParse(given, CultureInfo.InvariantCulture, out int length) && length >= 0))
            {
                result.AddError(string.Create(CultureInfo.InvariantCulture,
                    $"--prefix-length: expected 0 to {int.MaxValue}, found {given}."));
            }
        });
        _others = [_input, _label, _template, _prefixLength, _format];
        command.Options.Add(_base);
        foreach (Option option in _others)
            command.Options.Add(option);
    }

    /// <summary>Whether the command line asks for rows.</summary>
    /// <exception cref="UsageException">It does not, and has options for them.</exception>
    public bool IsGiven(ParseResult parsed)
    {
        if (parsed.GetValue(_base) is not null)
            return true;
        if (_others.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } stray)
            throw new UsageException($"{stray.Name} goes with a file of rows and --base, which they are for.");
        return false;
    }

    /// <summary>Adds the files that the options name.</summary>
    public CommandFiles AddFiles(ParseResult parsed, CommandFiles files) =>
        files.ReadBase(BaseArgument.PathOf(parsed.GetValue(_base)));

    /// <summary>The lines about a file of rows.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="path">The file.</param>
    /// <param name="preTokenizer">How the base's text is cut, where its file does not say.</param>
    /// <exception cref="UsageException">No input column is named.</exception>
    public IEnumerable<Described> Of(ParseResult parsed, string path, string? preTokenizer)
    {
        string input = parsed.GetValue(_input) ?? throw new UsageException("rows with --base need --input too.");
        string? label = parsed.GetValue(_label);
        BaseModel baseModel = BaseArgument.Resolve(parsed.GetValue(_base)!, preTokenizer);
        NativeLibrary.Require();
        using BaseLease lease = FrozenBase.Acquire(baseModel.Path, torch.float32, torch.CPU, baseModel.Rules);
        TransformerSpec spec = lease.Base.Model.Spec;
        int prefix = parsed.GetValue(_prefixLength);
        var template = new NamedTemplate(() => baseModel);
        RowLength[] rows = Read(parsed, path, (input, label), lease.Base, template);
        if (rows.Length == 0)
            throw new FormatException($"{Path.GetFileName(path)}: expected rows, found none.");
        int window = spec.ContextLength == int.MaxValue ? int.MaxValue : Math.Max(0, spec.ContextLength - prefix);
        string sides = spec.IsEncoderDecoder ? " a side" : "";
        var lengths = new RowLengths(rows, window, isShared: !spec.IsEncoderDecoder);
        return
        [
            new("base", lease.Base.Path),
            new("window", spec.ContextLength == int.MaxValue ? "unbounded" : FormattableString.Invariant(
                $"{spec.ContextLength:N0} tokens{sides}, {prefix} of them the prefix")),
            .. lengths.Describe(label is null ? "room for a text" : "wanted text"),
        ];
    }

    private RowLength[] Read(
        ParseResult parsed, string path, (string Input, string? Label) columns, FrozenBase frozen,
        NamedTemplate template)
    {
        TransformerSpec spec = frozen.Model.Spec;
        var encoder = new RowEncoder(frozen.Tokenizer, spec,
            parsed.GetValue(_template) is { } typed ? template.Of(EscapedText.Read(typed)) : null, columns.Input,
            default);
        int room = GenerationRules.Lengths(new GenerationOptions(), spec).Most;
        TableFormat format = TableFormats.OfInput(parsed.GetValue(_format), path, TableFormat.Tsv);
        using IRowReader reader = new TableInput(path, format, TextSource.DefaultInput, _console).Open();
        int input = TableColumns.Find(reader.Columns, columns.Input, path);
        int? label = columns.Label is { } name ? TableColumns.Find(reader.Columns, name, path) : null;
        var rows = new List<RowLength>();
        while (reader.Read() is { } row)
        {
            int prompt = encoder.PromptLength(row.Text(input));
            // Several wanted texts are as many rows, as in train.
            int[] texts = label is int column
                ? [.. row.Texts(column).Select(text => encoder.Target(text, out _, out _).Length)] : [room];
            rows.AddRange(texts.Select(text => new RowLength(row.Place, prompt, text)));
        }
        return [.. rows];
    }
}
