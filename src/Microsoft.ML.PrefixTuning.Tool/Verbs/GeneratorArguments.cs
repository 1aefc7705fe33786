using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>What writes texts: a saved model, or a base with a prefix or without.</summary>
internal sealed class GeneratorArguments
{
    private const string Column = "column";

    private readonly Option<string> _model =
        new("--model") { Description = "A saved model (.zip).", HelpName = "file" };
    private readonly Option<string> _base = BaseArgument.MakeOption("Instead of a saved model, a base");
    private readonly Option<string> _preTokenizer = BaseArgument.MakePreTokenizer();
    private readonly Option<string> _prefix =
        new("--prefix")
        {
            Description =
        "A prefix for --base: a .safetensors file, or the folder of a PEFT adapter. Without it the base writes by"
            + " itself.",
            HelpName = "path"
        };
    private readonly Option<string> _input =
        new("--input") { Description = "Column that is read; a saved model knows it.", HelpName = Column };
    private readonly Option<string> _output =
        new("--output") { Description = "Column that takes the text; a saved model knows it.", HelpName = Column };
    private readonly RecordOptions<TextGenerationOptions> _options;
    private readonly GenerationArguments _generation;
    private readonly EngineArguments _engine;
    private readonly Option[] _all;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="console">Takes notes.</param>
    public GeneratorArguments(Verb command, ToolConsole console)
    {
        Option[] others = [.. command.Options];
        foreach (Option<string> option in (Option<string>[])[_model, _base, _preTokenizer, _prefix, _input, _output])
            command.Options.Add(option);
        command.Group("Files and columns");
        _options = new RecordOptions<TextGenerationOptions>(command,
            without: [nameof(TextGenerationOptions.EmbedBase)]);
        command.Group("Rows and base");
        _generation = new GenerationArguments(command);
        command.Group("How texts are written");
        _engine = new EngineArguments(command, console);
        command.Group("What computes the base");
        _all = [.. command.Options.Except(others)];
    }

    /// <summary>Whether the command line names one.</summary>
    public bool IsGiven(ParseResult parsed) =>
        parsed.GetValue(_model) is not null || parsed.GetValue(_base) is not null;

    /// <summary>Refuses options that say how texts are written where none are.</summary>
    /// <exception cref="UsageException">One is given.</exception>
    public void CheckNone(ParseResult parsed)
    {
        if (_all.FirstOrDefault(option => option != _output && parsed.GetResult(option) is { Implicit: false })
            is { } stray)
            throw new UsageException($"{stray.Name} goes with --model or --base, which write texts.");
    }

    /// <summary>The column that <c>--output</c> names, or null.</summary>
    public string? Output(ParseResult parsed) => parsed.GetValue(_output);

    /// <summary>Options that name files.</summary>
    public IReadOnlyCollection<Option> FileOptions => [_model, _base, _prefix];

    /// <summary>Refuses a table without a place for the texts and messages that the command line asks for.</summary>
    /// <exception cref="UsageException">It is so.</exception>
    public void CheckPlaces(ParseResult parsed, TableFormat to)
    {
        // What a saved model's column is called shows when it is loaded: until then only how many there are.
        bool isNamed = parsed.GetValue(_model) is null;
        if (!isNamed && to != TableFormat.Text)
            return;
        GenerationOptions said = _generation.ReadShared(parsed);
        // The library says how many there may be.
        if (said.SequenceCount is < 1 or > OptionBounds.Sequences)
            return;
        string output = (isNamed ? parsed.GetValue(_output) : null) ?? TextSource.DefaultOutput;
        AddedColumn[] messages = said.ErrorColumnName is { } error ? [new AddedColumn(error, 1)] : [];
        AddedColumn.Check(to, [new AddedColumn(output, said.SequenceCount), .. messages]);
    }

    /// <summary>Adds the files that it is read from.</summary>
    public CommandFiles AddFiles(ParseResult parsed, CommandFiles files) => files
        .ReadModel("--model", parsed.GetValue(_model))
        .ReadBase(BaseArgument.PathOf(parsed.GetValue(_base)))
        .Read("--prefix", parsed.GetValue(_prefix));

    /// <summary>Adds what its texts depend on beside the other options.</summary>
    public CommandSignature Sign(ParseResult parsed, CommandSignature signature) => signature
        .Content("model", parsed.GetValue(_model))
        .Base(BaseArgument.PathOf(parsed.GetValue(_base)))
        .Content("prefix", parsed.GetValue(_prefix));

    /// <summary>
    /// The same once it is loaded: its base by what it is, for it may lie at another place on each machine, and the
    /// precision that it has on this one.
    /// </summary>
    public CommandSignature SignLoaded(ParseResult parsed, CommandSignature signature, TextSource source)
    {
        UsedPrecision used = source.Tuned.Session.Settings.Used;
        byte[] identity = Encoding.UTF8.GetBytes(source.Tuned.Session.Engine.Identity.Values.ToString());
        return signature
            .Content("model", parsed.GetValue(_model))
            .Content("prefix", parsed.GetValue(_prefix))
            .Add("base", Convert.ToHexStringLower(SHA256.HashData(identity)))
            .Add("precision", $"{used.Precision}, products {used.Products}");
    }

    /// <summary>Loads it.</summary>
    /// <exception cref="UsageException">The options contradict each other.</exception>
    public TextSource Open(ParseResult parsed, MLContext mlContext)
    {
        string? model = parsed.GetValue(_model), named = parsed.GetValue(_base);
        bool isOther = _engine.IsLlamaCpp(parsed);
        // A saved model's prefixes may be put on another file of its base, where that is not computed here.
        if (model is null && named is null || model is not null && named is not null && !isOther)
            throw new UsageException("expected either --model or --base.");
        BaseModel? other = named is null ? null : BaseArgument.Resolve(named, parsed.GetValue(_preTokenizer));
        if (model is null)
            return OpenBase(parsed, mlContext, other!);
        if (new Option<string>[] { _preTokenizer, _prefix, _input, _output }
            .FirstOrDefault(option => parsed.GetValue(option) is not null) is { } stray)
            throw new UsageException($"{stray.Name} goes with --base alone; a saved model has its own.");
        ITransformer loaded = ModelLoading.Load(mlContext, model);
        PrefixTuningTransformer tuned = FindTuned(loaded, model);
        string own = tuned.Session.Base.Path;
        if (!isOther && !_options.IsAnyGiven(parsed) && !_generation.IsAnyGiven(parsed))
            return new TextSource(loaded, tuned, []);
        // The same prefix on the same base, which is loaded and shared, with other options.
        TextSettings settings = tuned.Session.Settings;
        var start = new TextGenerationOptions
        {
            Template = settings.Template,
            Precision = isOther ? ModelPrecision.Float32 : settings.Precision,
            Products = isOther ? null : settings.Products,
        };
        var columns = new GeneratorColumns(tuned.InputColumnName, tuned.OutputColumnName, tuned.AttributeColumnName);
        BaseModel ownBase = BaseModel.FromFolder(own) with { Rules = tuned.Session.Base.Rules };
        IGeneratorMaker maker = isOther ? _engine.Maker(parsed, other ?? ownBase, ownBase) : new OwnGenerators(ownBase);
        PrefixTuningTransformer changed =
            Make(mlContext, maker, tuned, columns, Read(parsed, other ?? ownBase, start, settings.Generation));
        return new TextSource(Exchange(loaded, tuned, changed), changed, [changed, .. Owned(loaded)]);
    }

    private TextSource OpenBase(ParseResult parsed, MLContext mlContext, BaseModel baseModel)
    {
        string input = parsed.GetValue(_input) ?? TextSource.DefaultInput;
        Prefix? prefix = parsed.GetValue(_prefix) is { } path ? PrefixSource.Load(path, baseModel) : null;
        var columns = new GeneratorColumns(input, parsed.GetValue(_output) ?? TextSource.DefaultOutput);
        IGeneratorMaker maker = _engine.IsLlamaCpp(parsed) ? _engine.Maker(parsed, baseModel, madeFor: null)
            : new OwnGenerators(baseModel);
        PrefixTuningTransformer made = Make(mlContext, maker, prefix, columns,
            Read(parsed, baseModel, new TextGenerationOptions(), new GenerationOptions()));
        return new TextSource(made, made, [made]);
    }

    private TextGenerationOptions Read(ParseResult parsed, BaseModel baseModel, TextGenerationOptions start,
        GenerationOptions generation)
    {
        TextGenerationOptions options = _options.Read(parsed, start);
        return options with
        {
            Template = new NamedTemplate(() => baseModel).Of(options.Template),
            Generation = _generation.Read(parsed, generation),
        };
    }

    private static PrefixTuningTransformer Make(MLContext mlContext, IGeneratorMaker maker, Prefix? prefix,
        GeneratorColumns columns, TextGenerationOptions options) =>
        maker.Make(mlContext.Transforms.Text, columns, prefix, options).Fit(ViewOf(columns, options, mlContext));

    private static IDataView ViewOf(GeneratorColumns columns, TextGenerationOptions options, MLContext mlContext) =>
        (columns with { Draw = (options.Generation.Decoding as SamplingDecoding)?.DrawColumnName })
            .MakeEmptyView(mlContext);

    private static PrefixTuningTransformer Make(MLContext mlContext, IGeneratorMaker maker,
        PrefixTuningTransformer tuned, GeneratorColumns columns, TextGenerationOptions options) =>
        columns.Attribute is null ? Make(mlContext, maker, tuned.Prefix, columns, options)
            : maker.Make(mlContext.Transforms.Text, columns, tuned.Prefixes,
                options with { UnseenAttributePrefix = tuned.Prefix }).Fit(ViewOf(columns, options, mlContext));

    private static PrefixTuningTransformer FindTuned(ITransformer loaded, string path)
    {
        PrefixTuningTransformer[] found = [.. Parts(loaded).OfType<PrefixTuningTransformer>()];
        return found is [var single] ? single
            : throw new FormatException(
                $"{path}: expected a model with one prefix-tuning transformer, found {found.Length}.");
    }

    /// <summary>A model with one part exchanged; the other parts are the same.</summary>
    private static ITransformer Exchange(ITransformer model, PrefixTuningTransformer part,
        PrefixTuningTransformer other)
    {
        if (model == part)
            return other;
        return model is IEnumerable<ITransformer> chain
            ? new TransformerChain<ITransformer>([.. chain.Select(inner => Exchange(inner, part, other))]) : model;
    }

    private static IEnumerable<ITransformer> Parts(ITransformer model) =>
        model is IEnumerable<ITransformer> chain ? chain.SelectMany(Parts) : [model];

    private static IEnumerable<IDisposable> Owned(ITransformer model) => Parts(model).OfType<IDisposable>();
}
