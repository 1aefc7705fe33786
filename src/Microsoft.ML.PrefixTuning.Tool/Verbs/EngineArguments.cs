using System.CommandLine;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>What computes the base, as options of a command.</summary>
internal sealed class EngineArguments
{
    private const string Own = "libtorch", LlamaCpp = "llama-cpp";

    private readonly ToolConsole _console;
    private readonly Option<string> _engine = new("--engine")
    {
        Description = $"What computes the base. {LlamaCpp}: a .gguf file, quantised too; with --model the prefixes of"
            + " the saved model are put on it, or with --base on another file of the same model.",
        HelpName = $"{Own}|{LlamaCpp}",
        DefaultValueFactory = _ => Own,
    };
    private readonly RecordOptions<LlamaCppOptions> _llamaCpp;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="console">Takes notes.</param>
    public EngineArguments(Verb command, ToolConsole console)
    {
        _console = console;
        _engine.AcceptOnlyFromAmong(Own, LlamaCpp);
        command.Options.Add(_engine);
        _llamaCpp = new RecordOptions<LlamaCppOptions>(command);
    }

    /// <summary>Whether llama.cpp does.</summary>
    /// <exception cref="UsageException">It does not, and has options.</exception>
    public bool IsLlamaCpp(ParseResult parsed)
    {
        bool isLlamaCpp = parsed.GetValue(_engine) == LlamaCpp;
        return isLlamaCpp || _llamaCpp.Given(parsed).FirstOrDefault() is not { } stray ? isLlamaCpp
            : throw new UsageException($"{stray} goes with '--engine {LlamaCpp}'.");
    }

    /// <summary>What makes estimators over llama.cpp.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="baseModel">The file.</param>
    /// <param name="madeFor">The base that the prefixes were made for; null where it is not at hand.</param>
    public IGeneratorMaker Maker(ParseResult parsed, BaseModel baseModel, BaseModel? madeFor) =>
        new LlamaCppGenerators(baseModel, _llamaCpp.Read(parsed, new LlamaCppOptions()) with
        {
            MadeFor = madeFor,
            Note = line => _console.Error.WriteLine($"prefix, beside the base that it was made for: {line}"),
        });
}
