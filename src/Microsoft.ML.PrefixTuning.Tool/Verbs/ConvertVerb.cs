using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>convert</c>: between saved model, prefix file and PEFT folder.</summary>
internal sealed class ConvertVerb
{
    // What every folder of a base has.
    private const string BaseConfig = "config.json";

    // What nobody calls a folder, beside the endings of rows.
    private static readonly string[] EndingsOfFiles = [".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".html"];

    private readonly Argument<string> _source = PathArgument.Make<string>("source",
        "What is read: a saved model (.zip), a prefix (.safetensors) or the folder of a PEFT adapter.");
    private readonly Argument<string> _target = PathArgument.Make<string>("target",
        "What is written: a saved model (.zip), a prefix (.safetensors), else the folder of a PEFT adapter.");
    private readonly Option<string> _base =
        BaseArgument.MakeOption("The base of the prefix; a saved model names its own");
    private readonly Option<string> _preTokenizer = BaseArgument.MakePreTokenizer();
    private readonly Option<string> _attribute =
        new("--attribute")
        {
            Description =
        "Whose prefix is meant, where a saved model has one for each value of an attribute column.",
            HelpName = "value"
        };
    private readonly Option<string> _input =
        new("--input") { Description = "Column that the written model reads.", HelpName = "column" };
    private readonly Option<string> _output =
        new("--output") { Description = "Column that takes the written model's text.", HelpName = "column" };
    private readonly Option<string> _baseName =
        new("--base-name")
        {
            Description = "What PEFT shall load as the base: a name on a hub or a path.",
            HelpName = "name"
        };
    private readonly RecordOptions<TextGenerationOptions> _options;
    private readonly GenerationArguments _generation;
    private readonly Option[] _ofModel;

    private ConvertVerb(Verb command)
    {
        command.Arguments.Add(_source);
        command.Arguments.Add(_target);
        foreach (Option option in (Option[])[_base, _preTokenizer, _attribute, _input, _output, _baseName])
            command.Options.Add(option);
        Option[] others = [.. command.Options];
        _options = new RecordOptions<TextGenerationOptions>(command);
        _generation = new GenerationArguments(command);
        _ofModel = [_input, _output, .. command.Options.Except(others)];
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command = new Verb("convert",
            "Converts between saved model, prefix file and PEFT adapter; numbers stay the same to the bit.");
        var verb = new ConvertVerb(command);
        command.SetAction(parsed => verb.Run(parsed, console));
        HelpWithExamples.Add(command,
            "prefix-tune convert describe.zip describe.safetensors",
            "prefix-tune convert tone.zip calm.safetensors --attribute calm",
            "prefix-tune convert describe.zip ./peft-adapter --base-name HuggingFaceTB/SmolLM2-135M-Instruct",
            "prefix-tune convert ./peft-adapter describe.safetensors --base ./my-model",
            "prefix-tune convert describe.safetensors describe.zip --base smollm2 --input Facts --output Description");
        return command;
    }

    private int Run(ParseResult parsed, ToolConsole console)
    {
        string source = parsed.GetValue(_source)!, target = parsed.GetValue(_target)!;
        PathKind from = PrefixSource.KindOf(source), to = PrefixSource.KindToWrite(target);
        if (from == PathKind.Base)
            throw new UsageException($"'{source}': expected a saved model, a prefix or an adapter, found a base.");
        if (from == to)
            throw new UsageException($"'{source}' and '{target}' are of the same kind: there is nothing to convert.");
        CheckStrays(parsed, from, to);
        if (to == PathKind.Peft)
            CheckFolder(target);
        Files(parsed, from, to).Check();
        Prefix prefix;
        BaseModel? baseModel = parsed.GetValue(_base) is { } named
            ? BaseArgument.Resolve(named, parsed.GetValue(_preTokenizer)) : null;
        if (from == PathKind.Model)
        {
            SavedModelEntry entry = OnlyEntry(source);
            prefix = Choose(entry, parsed.GetValue(_attribute));
            if (to == PathKind.Peft && baseModel is null)
            {
                // Found as loading finds it, and held while it is used.
                using BaseLease own = entry.AcquireBase();
                return Write(parsed, prefix, BaseModel.FromFolder(own.Base.Path), console);
            }
        }
        else
        {
            if (parsed.GetValue(_attribute) is not null)
                throw new UsageException($"--attribute goes with a saved model, found '{source}'.");
            prefix = from == PathKind.Prefix ? Prefix.Load(source) : Prefix.FromPeft(source, Needed(baseModel));
        }
        return Write(parsed, prefix, baseModel, console);
    }

    /// <summary>Refuses what only another source or target has a place for: it would be left aside.</summary>
    private void CheckStrays(ParseResult parsed, PathKind from, PathKind to)
    {
        string target = parsed.GetValue(_target)!;
        if (from == PathKind.Model && to == PathKind.Prefix && parsed.GetValue(_base) is { } named)
        {
            throw new UsageException($"{_base.Name} goes with a prefix or an adapter as the source, or an adapter as"
                + $" the target; from a saved model to a prefix none is needed, found '{named}'.");
        }
        if (parsed.GetValue(_base) is null && parsed.GetValue(_preTokenizer) is { } cut)
            throw new UsageException($"{_preTokenizer.Name} goes with {_base.Name}, found '{cut}' alone.");
        if (to != PathKind.Model
            && Array.Find(_ofModel, option => parsed.GetResult(option) is { Implicit: false }) is { } stray)
            throw new UsageException($"{stray.Name} goes with a saved model (.zip) as the target, found '{target}'.");
        if (to != PathKind.Peft && parsed.GetValue(_baseName) is not null)
        {
            throw new UsageException(
                $"{_baseName.Name} goes with the folder of a PEFT adapter as the target, found '{target}'.");
        }
    }

    /// <summary>Refuses what is no place for an adapter: in a base's folder it would hide the base.</summary>
    private static void CheckFolder(string target)
    {
        if (target == TableFormats.Standard)
        {
            throw new UsageException($"'{target}': expected a saved model (.zip), a prefix (.safetensors) or the folder"
                + " of a PEFT adapter as the target, found the name of standard output.");
        }
        if (!Directory.Exists(target) && (TableFormats.HasEnding(target)
            || EndingsOfFiles.Contains(Path.GetExtension(target), StringComparer.OrdinalIgnoreCase)))
        {
            throw new UsageException($"'{target}': expected a saved model (.zip), a prefix (.safetensors) or the folder"
                + $" of a PEFT adapter as the target, found a name with the ending '{Path.GetExtension(target)}' of"
                + " another kind of file.");
        }
        if (File.Exists(Path.Combine(target, BaseConfig)))
        {
            throw new UsageException($"'{target}': expected a folder for the adapter alone, found that of a base, with"
                + $" a {BaseConfig}.");
        }
    }

    private int Write(ParseResult parsed, Prefix prefix, BaseModel? baseModel, ToolConsole console)
    {
        string target = parsed.GetValue(_target)!;
        PathKind to = PrefixSource.KindToWrite(target);
        if (to == PathKind.Prefix)
            prefix.Save(target);
        else if (to == PathKind.Peft)
            prefix.SaveAsPeft(target, Needed(baseModel), parsed.GetValue(_baseName));
        else
            SaveModel(parsed, prefix, Needed(baseModel), target, console);
        console.Out.WriteLine($"Written to {target}.");
        return ExitCode.Done;
    }

    private CommandFiles Files(ParseResult parsed, PathKind from, PathKind to)
    {
        string source = parsed.GetValue(_source)!, target = parsed.GetValue(_target)!;
        var files = new CommandFiles();
        if (from == PathKind.Model)
            files.ReadModel("the source", source);
        else
            files.Read("the source", source);
        files.ReadBase(BaseArgument.PathOf(parsed.GetValue(_base)));
        string[] written = to == PathKind.Peft ? [PeftConfig.File, PeftAdapter.WeightFile] : [""];
        return written.Aggregate(files, (all, name) => all.Write("the target", Path.Combine(target, name)));
    }

    private void SaveModel(ParseResult parsed, Prefix prefix, BaseModel baseModel, string target, ToolConsole console)
    {
        if (parsed.GetValue(_input) is not { } input || parsed.GetValue(_output) is not { } output)
            throw new UsageException("A saved model needs its columns: --input and --output.");
        MLContext mlContext = Context.Make(console, OptionWords.Of(parsed));
        IDataView empty = new GeneratorColumns(input, output).MakeEmptyView(mlContext);
        TextGenerationOptions options = _options.Read(parsed, new TextGenerationOptions());
        options = options with
        {
            Template = new NamedTemplate(() => baseModel).Of(options.Template),
            Generation = _generation.Read(parsed, new GenerationOptions()),
        };
        using PrefixTuningTransformer made =
            mlContext.Transforms.Text.GenerateText(output, input, baseModel, prefix, options).Fit(empty);
        mlContext.Model.SaveAtomically(made, empty.Schema, target);
    }

    private static Prefix Choose(SavedModelEntry entry, string? value)
    {
        if (entry.Saved.AttributeColumn is not { } column)
        {
            return value is not null
                ? throw new UsageException(
                $"--attribute: expected none, since {entry.Place} has no attribute column, found '{value}'.")
                : entry.Prefix
                    ?? throw new FormatException(
                    $"{entry.Place}: expected a prefix, found a base that writes by itself.");
        }
        if (value is not null && entry.Prefixes.ByValue.TryGetValue(value, out Prefix? prefix))
            return prefix;
        string values = string.Join(", ", entry.Prefixes.ByValue.Keys.Select(BaseDescription.Quote));
        throw new UsageException(
            $"--attribute: expected a value of {BaseDescription.Quote(column)}, each of which has a prefix in"
                + $" {entry.Place}: {values}; found {(value is null ? "none" : $"'{value}'")}.");
    }

    private static SavedModelEntry OnlyEntry(string path) => SavedModelFile.Read(path) is [var single] ? single
        : throw new FormatException(
            $"{Path.GetFileName(path)}: expected one prefix-tuning transformer, found"
                + $" {SavedModelFile.Read(path).Count}.");

    private static BaseModel Needed(BaseModel? baseModel) =>
        baseModel ?? throw new UsageException(
            $"This conversion needs the base of the prefix: --base with {BaseArgument.Forms}.");
}
