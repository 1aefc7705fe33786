using System;
using System.Diagnostics;
using System.IO;
using System.Net.Http;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>The verb: what it refuses at the start, and how it ends.</summary>
[TestClass]
public sealed partial class ServeVerbTests
{
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
    [DataRow("--max-rows 0", "MaxRows: expected 1 or more, found 0.")]
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
    [OSCondition(OperatingSystems.Linux | OperatingSystems.OSX)]
    public async Task Serve_ThatIsTerminated_EndsItsRequestsAndExitsWithZero()
    {
        using var folder = new TemporaryFolder();
        TinyServing.Random(3).Save(folder["three.safetensors"]);
        using Process process = Start("serve", "--base", TinyServing.BasePath, "--prefix",
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

    private static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo("dotnet",
        ["exec", typeof(ToolCommand).Assembly.Location, .. arguments])
    { RedirectStandardError = true })!;

    private static async Task<Uri> Address(Process process)
    {
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            if (Listening().Match(line) is { Success: true } match)
            {
                // Behind it, since there is no key.
                Assert.Contains("everybody who reaches this address may ask",
                    await process.StandardError.ReadLineAsync() ?? "");
                _ = process.StandardError.ReadToEndAsync();
                return new Uri(match.Groups[1].Value);
            }
        }
        throw new InvalidOperationException("The server ended before it listened.");
    }

    [GeneratedRegex(@"listening on (\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"""rope_theta"": [0-9.]+")]
    private static partial Regex Theta();
}
