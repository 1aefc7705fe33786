using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Serving;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>serve</c>: one base and its prefixes behind HTTP, until it is told to stop.</summary>
internal sealed class ServeVerb
{
    private readonly ToolConsole _console;
    private readonly Option<string> _base = BaseArgument.MakeOption("The base", required: true);
    private readonly Option<string> _preTokenizer = BaseArgument.MakePreTokenizer();
    private readonly Option<string> _baseName = new("--base-name")
    {
        Description = "What clients call the base; without it, the last part of --base.",
        HelpName = "name",
    };
    private readonly Option<string[]> _prefix = new("--prefix")
    {
        Description = "A prefix and the name that clients give for it: a .safetensors file, the folder of a PEFT"
            + " adapter, or a saved model (.zip), whose template and options hold with it. Repeat the option for"
            + " several.",
        HelpName = "name=path",
    };
    private readonly Option<string> _prefixes = new("--prefixes")
    {
        Description = "A folder whose prefix files and adapters are served under their names, as they come and go. Put"
            + " them there by renaming them.",
        HelpName = "folder",
    };
    private readonly ListenArguments _listen;
    private readonly RecordOptions<TextGenerationOptions> _options;
    private readonly GenerationArguments _generation;
    private readonly RecordOptions<TextGeneratorOptions> _generator;

    private ServeVerb(ToolConsole console, Verb command)
    {
        _console = console;
        foreach (Option option in (Option[])[_base, _preTokenizer, _baseName, _prefix, _prefixes])
            command.Options.Add(option);
        _listen = new ListenArguments(command);
        _generator = new RecordOptions<TextGeneratorOptions>(command);
        _options = new RecordOptions<TextGenerationOptions>(command, without:
            [nameof(TextGenerationOptions.EmbedBase), nameof(TextGenerationOptions.UnseenAttributePrefix)]);
        _generation = new GenerationArguments(command, without:
        [
            nameof(GenerationOptions.BatchSize), nameof(GenerationOptions.LookAhead),
            nameof(GenerationOptions.RememberedTexts), nameof(GenerationOptions.ErrorColumnName),
            nameof(GenerationOptions.SequenceCount),
        ]);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command = new Verb("serve", "Serves a base and its prefixes to OpenAI's clients, and a page to try them.");
        _ = new ServeVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune serve --base smollm2 --prefix describe=describe.zip",
            "prefix-tune serve --base smollm2 --prefix describe=describe.safetensors --prefix shorten=./peft"
                + " --port 9000",
            "prefix-tune serve --base smollm2 --prefixes ./prefixes --host 0.0.0.0 --api-key-file keys.txt"
                + " --allowed-host texts.example.org");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        NativeHeap.ReturnLargeBlocks();
        NativeThreads.SleepWhileTheyWait();
        ServeSettings settings = _listen.Read(parsed);
        string named = parsed.GetValue(_base)!;
        BaseModel baseModel = BaseArgument.Resolve(named, parsed.GetValue(_preTokenizer));
        (string Name, string Path)[] prefixes = [.. (parsed.GetValue(_prefix) ?? []).Select(Split)];
        string baseName = parsed.GetValue(_baseName) ?? NameOf(named);
        if (!ServedModels.IsName(baseName))
            throw new UsageException($"--base-name: expected a name without colons, found '{baseName}'.");
        RefuseTwice(prefixes.Select(prefix => prefix.Name));
        // Before the base is loaded, so that what is wrong with them is said at once.
        PrefixEntry[] entries = [.. prefixes.SelectMany(prefix => Read(parsed, baseModel, prefix.Name, prefix.Path))];
        // The values of a model's attribute are names, too.
        RefuseTwice(entries.Select(entry => entry.Name));
        foreach (PrefixEntry entry in entries)
            ServedModels.CheckName(entry, baseName);
        string? folder = parsed.GetValue(_prefixes);
        if (folder is not null)
            WatchedFolder.Check(folder);
        TextGenerationOptions options = _options.Read(parsed, new TextGenerationOptions());
        options = options with
        {
            Template = new NamedTemplate(() => baseModel).Of(options.Template),
            Generation = _generation.Read(parsed, new GenerationOptions()),
        };
        using TextGenerator generator = baseModel.CreateGenerator(null, options,
            _generator.Read(parsed, new TextGeneratorOptions()));
        var models = new ServedModels(generator, baseName);
        foreach (PrefixEntry entry in entries)
            models.Add(entry);
        using var log = new ServerLog(_console.Error, settings.LogsTexts);
        WatchedFolder? watched = folder is not null ? new WatchedFolder(folder, models,
            (name, path) => Read(parsed, baseModel, name, path).Single(), log) : null;
        watched?.Begin();
        Serve(generator, models, settings, watched, log).GetAwaiter().GetResult();
        return ExitCode.Done;
    }

    private static async Task Serve(TextGenerator generator, ServedModels models, ServeSettings settings,
        WatchedFolder? watched, ServerLog log)
    {
        await using var server = new Server(generator, models, settings, log);
        using var stop = new CancellationTokenSource();
        using var interruption = new Interruption(stop, _ => log.Say("stopping: running requests have"
            + $" {settings.DrainTime.TotalSeconds} s to end. A second Ctrl-C ends the command at once."));
        await server.Start().ConfigureAwait(false);
        log.Say($"listening on {server.Address} with {string.Join(", ", models.All.Select(model => model.Name))}");
        if (!settings.Keys.AreNeeded)
            log.Say("everybody who reaches this address may ask; a key in "
                + $"{ApiKeys.Variable} or --api-key-file closes it.");
        try
        {
            if (watched is not null)
                await watched.Watch(stop.Token).ConfigureAwait(false);
            else
                await Task.Delay(Timeout.Infinite, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            await server.Stop().ConfigureAwait(false);
        }
    }

    private static void RefuseTwice(IEnumerable<string> names)
    {
        if (names.CountBy(name => name).FirstOrDefault(name => name.Value > 1) is { Key: { } twice })
            throw new UsageException($"--prefix: expected each name once, found '{twice}' twice.");
    }

    private IReadOnlyList<PrefixEntry> Read(ParseResult parsed, BaseModel baseModel, string name, string path) =>
        PrefixEntry.Read(name, path, baseModel, start => _generation.Read(parsed, start));

    private static (string Name, string Path) Split(string text)
    {
        int sign = text.IndexOf('=', StringComparison.Ordinal);
        return sign > 0 && sign < text.Length - 1 ? (text[..sign], text[(sign + 1)..])
            : throw new UsageException($"--prefix: expected name=path, found '{text}'.");
    }

    private static string NameOf(string named)
    {
        string path = Path.GetFullPath(named);
        return File.Exists(path) ? Path.GetFileNameWithoutExtension(path)
            : Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
    }
}
