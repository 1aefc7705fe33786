using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Net;
using Microsoft.ML.PrefixTuning.Tool.Serving;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Where a server listens, who may ask, and how much.</summary>
internal sealed class ListenArguments
{
    private static readonly ServeSettings Defaults = new() { Port = 8000 };

    private readonly Option<string> _host = new("--host")
    {
        Description = "What is listened on: localhost, an address of this machine, or * for all.",
        DefaultValueFactory = _ => Defaults.Host,
        HelpName = "address",
    };
    private readonly Option<int> _port = Whole("--port", "The port; 0 for one that is free.", Defaults.Port, 0, 65535);
    private readonly Option<string[]> _allowedHost = new("--allowed-host")
    {
        Description = "A name by which clients may call the server, besides localhost and addresses (its Host header)."
            + " Repeat the option for several.",
        HelpName = "name",
    };
    private readonly Option<string> _keyFile = new("--api-key-file")
    {
        Description = $"A file with a key a line; clients bring one of them. So does one in {ApiKeys.Variable}.",
        HelpName = "file",
    };
    private readonly Option<bool> _allowAnyone = new("--allow-anyone")
    {
        Description = "Listen beyond this machine without a key.",
    };
    private readonly Option<int> _maxBody = Whole("--max-body-bytes", "Bytes of a request's body at most.",
        Defaults.MaxBodyBytes, 1, 1 << 28);
    private readonly Option<int> _maxTokens = Whole("--most-tokens",
        "New tokens that a request may ask for, each of its texts.", Defaults.MaxTokens, 1, int.MaxValue);
    private readonly Option<int> _timeLimit = Whole("--time-limit",
        "Seconds that a request may take, its wait included.", (int)Defaults.TimeLimit.TotalSeconds, 1, 86400);
    private readonly Option<int> _drainTime = Whole("--drain-time",
        "Seconds that running requests may go on when the server is told to stop.",
        (int)Defaults.DrainTime.TotalSeconds, 0, 86400);
    private readonly Option<bool> _logTexts = new("--log-texts")
    {
        Description = "Write prompts and texts to the log too.",
    };

    /// <summary>Adds the options to a command.</summary>
    public ListenArguments(Verb command)
    {
        foreach (Option option in (IEnumerable<Option>)[_host, _port, _allowedHost, _keyFile, _allowAnyone, _maxBody,
            _maxTokens, _timeLimit, _drainTime, _logTexts])
            command.Options.Add(option);
    }

    /// <summary>What the command line says.</summary>
    /// <exception cref="UsageException">The host is no address, or all the world would be let in.</exception>
    public ServeSettings Read(ParseResult parsed)
    {
        string host = parsed.GetValue(_host)!;
        IPAddress? address = null;
        if (host is not ("localhost" or ServeSettings.Everywhere) && !IPAddress.TryParse(host, out address))
            throw new UsageException($"--host: expected localhost, an address or *, found '{host}'.");
        ApiKeys keys = ApiKeys.Read(Environment.GetEnvironmentVariable(ApiKeys.Variable), parsed.GetValue(_keyFile));
        bool isLocal = host == "localhost" || address is not null && IPAddress.IsLoopback(address);
        if (!isLocal && !keys.AreNeeded && !parsed.GetValue(_allowAnyone))
            throw new UsageException($"--host {host}: expected a key ({ApiKeys.Variable} or --api-key-file) where"
                + " others than this machine can ask, found none; --allow-anyone goes without.");
        return new ServeSettings
        {
            Host = host,
            Port = parsed.GetValue(_port),
            AllowedHosts = parsed.GetValue(_allowedHost) ?? [],
            Keys = keys,
            MaxBodyBytes = parsed.GetValue(_maxBody),
            MaxTokens = parsed.GetValue(_maxTokens),
            TimeLimit = TimeSpan.FromSeconds(parsed.GetValue(_timeLimit)),
            DrainTime = TimeSpan.FromSeconds(parsed.GetValue(_drainTime)),
            LogsTexts = parsed.GetValue(_logTexts),
        };
    }

    private static Option<int> Whole(string name, string description, int value, int least, int most)
    {
        var option = new Option<int>(name)
        {
            Description = description,
            DefaultValueFactory = _ => value,
            HelpName = "number",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var given && (given < least || given > most))
                result.AddError(string.Create(CultureInfo.InvariantCulture,
                    $"{name}: expected {least} to {most}, found {given}."));
        });
        return option;
    }
}
