using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>The verb: what it refuses at the start, and how it ends.</summary>
[TestClass]
public sealed partial class ServeVerbTests
{
    private const string Key = "a-key-of-some-length";

    private readonly List<Process> _started = [];

    [TestCleanup]
    public void End()
    {
        foreach (Process process in _started)
        {
            process.Kill();
            process.Dispose();
        }
    }

    [TestMethod]
    public void Serve_OfAPrefixOfAnotherBase_NamesFileAndReason()
    {
        using var folder = new TemporaryFolder();
        using TemporaryFolder other = new TemporaryFolder().CopyFrom(TinyServing.BasePath);
        // The same shape, another model.
        string config = File.ReadAllText(other["config.json"]);
        File.WriteAllText(other["config.json"], Theta().Replace(config, "\"rope_theta\": 12345.0"));
        Assert.AreNotEqual(config, File.ReadAllText(other["config.json"]));
        string model = TinyServing.Train(folder);

        (int code, string error) = TinyServing.Run("serve", "--base", other.Path, "--prefix", $"one={model}", "--port",
            "0");

        Assert.AreEqual(ExitCode.Failed, code);
        Assert.Contains($"one={model}: ", error);
        Assert.Contains("made for another base model", error);
        TinyServing.Random(3).Save(folder["none.safetensors"]);
        File.WriteAllText(folder["broken.safetensors"], "no prefix");
        (code, error) = TinyServing.Run("serve", "--base", TinyServing.BasePath, "--prefix",
            $"two={folder["broken.safetensors"]}", "--port", "0");
        Assert.AreEqual(ExitCode.Failed, code);
        Assert.Contains("two=", error);
    }

    [TestMethod]
    [DataRow("--host *", "--host *: expected a key")]
    [DataRow("--host 0.0.0.0", "--host 0.0.0.0: expected a key")]
    [DataRow("--host my-machine", "--host: expected localhost, an address or *, found 'my-machine'.")]
    [DataRow("--port 70000", "--port: expected 0 to 65535, found 70000.")]
    [DataRow("--prefix one", "--prefix: expected name=path, found 'one'.")]
    [DataRow("--prefix one=a --prefix one=b", "--prefix: expected each name once, found 'one' twice.")]
    [DataRow("--template @chat", "--template @chat: Base model ")]
    [DataRow("--max-rows 0", "--max-rows: expected 1 or more, found 0.")]
    public void Serve_OfAWrongCommandLine_IsAUsageError(string line, string message)
    {
        (int code, string error) = TinyServing.Run(["serve", "--base", TinyServing.BasePath, .. line.Split(' ')]);
        Assert.AreEqual(ExitCode.Usage, code, error);
        Assert.Contains(message, error);
    }

    [TestMethod]
    public void Serve_OfAMissingPathOrAName_NamesIt()
    {
        (int code, string error) = TinyServing.Run("serve", "--base", TinyServing.BasePath, "--prefix",
            "one=nothing.zip");
        Assert.AreEqual(ExitCode.Failed, code);
        Assert.Contains("'nothing.zip': found nothing there.", error);
        using var folder = new TemporaryFolder();
        TinyServing.Random(3).Save(folder["a.safetensors"]);
        (code, error) = TinyServing.Run("serve", "--base", TinyServing.BasePath, "--prefix",
            $"a:b={folder["a.safetensors"]}", "--port", "0");
        Assert.AreEqual(ExitCode.Failed, code);
        Assert.Contains("without colons", error);
    }

    [TestMethod]
    public void Serve_OfATakenPortOrAForeignAddress_SaysSoInALine()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        // The second one is kept for documents: no machine has it.
        foreach (string line in (string[])[$"--host 127.0.0.1 --port {port}", "--host 192.0.2.1 --port 0"])
        {
            (int code, string error) = TinyServing.Run(
                ["serve", "--base", TinyServing.BasePath, .. line.Split(' '), "--allow-anyone"]);
            Assert.AreEqual(ExitCode.Failed, code, error);
            Assert.Contains($"prefix-tune: {line}: ", error);
            Assert.DoesNotContain("Exception", error);
            Assert.DoesNotContain("   at ", error);
        }
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux | OperatingSystems.OSX)]
    public async Task Serve_ThatIsTerminated_EndsItsRequestsAndExitsWithZero()
    {
        using var folder = new TemporaryFolder();
        TinyServing.Random(3).Save(folder["three.safetensors"]);
        Process process = Start(null, "serve", "--base", TinyServing.BasePath, "--prefix",
            $"three={folder["three.safetensors"]}", "--port", "0", "--drain-time", "60");
        Uri address = await Address(process);
        using var client = new HttpClient { BaseAddress = address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = RunningServer.Content(new
            {
                model = "three",
                prompt = TinyServing.Row,
                max_tokens = 100,
                temperature = 1,
                stream = true,
            }),
        };
        using HttpResponseMessage running = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        string rest = await running.Content.ReadAsStringAsync();
        await process.WaitForExitAsync();

        Assert.AreEqual(ExitCode.Done, process.ExitCode);
        Assert.EndsWith("data: [DONE]\n\n", rest);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public async Task Serve_BeyondLocalhostForAnyone_AnswersThereAndWarns()
    {
        Process process = Start(null, "serve", "--base", TinyServing.BasePath, "--host", "*", "--port", "0",
            "--allow-anyone");

        Uri address = await Address(process);

        // Another address of this machine, at which none listens that asked for localhost.
        using var client = new HttpClient();
        Assert.Contains("llama", await client.GetStringAsync($"http://127.0.0.2:{address.Port}/v1/models"));
    }

    [TestMethod]
    [DataRow(false), DataRow(true)]
    public async Task Serve_WithAKey_OpensToItAlone(bool isInFile)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys.txt"], $"another-key-of-the-file\n{Key}\n");
        string[] file = isInFile ? ["--api-key-file", folder["keys.txt"]] : [];
        Process process = Start(isInFile ? null : Key,
            ["serve", "--base", TinyServing.BasePath, "--host", "0.0.0.0", "--port", "0", .. file]);

        Uri address = await Address(process, isOpen: false);

        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{address.Port}") };
        Assert.AreEqual(401, await Status(null));
        Assert.AreEqual(401, await Status("a-key-of-some-lengtH"));
        Assert.AreEqual(200, await Status(Key));
        process.Kill();
        string rest = await process.StandardError.ReadToEndAsync();
        Assert.DoesNotContain("may ask", rest);
        Assert.DoesNotContain(Key, rest);

        async Task<int> Status(string? key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
            using HttpResponseMessage answer = await client.SendAsync(request);
            return (int)answer.StatusCode;
        }
    }

    [TestMethod]
    public void Process_OfTheCommand_LetsThePoolsThreadsSleep() =>
        Assert.Contains("\"System.Threading.ThreadPool.UnfairSemaphoreSpinLimit\": 0",
            File.ReadAllText(Path.ChangeExtension(typeof(ToolCommand).Assembly.Location, "runtimeconfig.json")));

    private Process Start(string? key, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(ToolCommand).Assembly.Location, .. arguments])
        {
            RedirectStandardError = true,
        };
        start.Environment[ApiKeys.Variable] = key;
        Process process = Process.Start(start)!;
        _started.Add(process);
        return process;
    }

    private static async Task<Uri> Address(Process process, bool isOpen = true)
    {
        var lines = new List<string>();
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            lines.Add(line);
            if (Listening().Match(line) is not { Success: true } match)
                continue;
            if (isOpen)
            {
                // Behind it, since there is no key.
                Assert.Contains("everybody who reaches this address may ask",
                    await process.StandardError.ReadLineAsync() ?? "");
                _ = process.StandardError.ReadToEndAsync();
            }
            return new Uri(match.Groups[1].Value);
        }
        throw new InvalidOperationException($"The server ended before it listened: {string.Join('\n', lines)}");
    }

    [GeneratedRegex(@"listening on (\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"""rope_theta"": [0-9.]+")]
    private static partial Regex Theta();
}
