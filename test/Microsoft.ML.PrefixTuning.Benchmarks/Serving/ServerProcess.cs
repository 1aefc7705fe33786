using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Benchmarks.Serving;

/// <summary>The command's server as a process of its own.</summary>
internal sealed partial class ServerProcess : IDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="baseName">Folder or file of the base.</param>
    /// <param name="prefixes">Prefixes as the command names them.</param>
    /// <param name="options">Other options of the command.</param>
    public static async Task<ServerProcess> Start(string baseName, IEnumerable<string> prefixes,
        IEnumerable<string> options)
    {
        string tool = Path.Combine(AppContext.BaseDirectory, "Microsoft.ML.PrefixTuning.Tool.dll");
        var start = new ProcessStartInfo("dotnet", ["exec", tool, "serve", "--base", baseName, "--port", "0",
            "--max-body-bytes", "65536", .. prefixes.SelectMany(prefix => (string[])["--prefix", prefix]), .. options])
        { RedirectStandardError = true };
        Process process = Process.Start(start)!;
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            if (Listening().Match(line) is not { Success: true } match)
                continue;
            // Its log, a line a request, is read and forgotten.
            _ = Task.Run(async () =>
            {
                while (await process.StandardError.ReadLineAsync() is not null)
                {
                }
            });
            return new ServerProcess(process, new Uri(match.Groups[1].Value));
        }
        throw new InvalidOperationException("The server ended before it listened.");
    }

    /// <summary>Megabytes that it has in memory.</summary>
    public double Megabytes()
    {
        _process.Refresh();
        return _process.WorkingSet64 / 1e6;
    }

    /// <summary>Tokens that it has written, all prefixes together, those of requests that were cancelled included.
    /// </summary>
    public async Task<double> Tokens(HttpClient client) => Tokens(await client.GetStringAsync("/metrics"));

    /// <summary>Tells it to stop: seconds that it took, and its exit code.</summary>
    public async Task<(double Seconds, int Code)> Terminate()
    {
        long start = Stopwatch.GetTimestamp();
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await _process.WaitForExitAsync();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, _process.ExitCode);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static double Tokens(string figures) => Written().Matches(figures)
        .Sum(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"listening on (\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"^prefix_tuning_serving_tokens_total\{[^}]*\} (\S+)", RegexOptions.Multiline)]
    private static partial Regex Written();
}
