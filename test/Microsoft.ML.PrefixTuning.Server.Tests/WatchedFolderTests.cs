using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>What is put into the watched folder is served, and nothing else.</summary>
[TestClass]
public sealed class WatchedFolderTests
{
    [TestMethod]
    public async Task Look_AtWhatComesChangesAndGoes_ServesWhatIsThere()
    {
        await using RunningServer server = await RunningServer.Start();
        using var folder = new TemporaryFolder();
        TinyServing.Random(4).Save(folder["four.safetensors"]);
        WatchedFolder watched = Watch(server, folder);
        watched.Begin();
        string four = await Text(server, "four");

        // Changed: looked at twice, and only then another.
        TinyServing.Random(5).Save(folder["four.safetensors"]);
        watched.Look();
        Assert.AreEqual(four, await Text(server, "four"));
        watched.Look();
        Assert.AreNotEqual(four, await Text(server, "four"));

        // Broken: the former one stays.
        string five = await Text(server, "four");
        File.WriteAllText(folder["four.safetensors"], "no prefix");
        watched.Look();
        watched.Look();
        Assert.AreEqual(five, await Text(server, "four"));
        Assert.Contains("four.safetensors' was not taken: ", server.Lines);
        Assert.Contains("The former one stays.", server.Lines);

        File.Delete(folder["four.safetensors"]);
        watched.Look();
        Assert.AreEqual(404, (await server.Post("/v1/completions", new { model = "four", prompt = "a" })).Status);
        Assert.AreEqual(200, (await server.Post("/v1/completions", new { model = "short", prompt = "a" })).Status);
    }

    [TestMethod]
    public async Task Request_OfWhatGoesWhileItIsLookedFor_Gets404()
    {
        await using RunningServer server = await RunningServer.Start();
        server.Add("gone", 4);
        // As a removal leaves it for a moment, were it to begin here.
        Assert.IsTrue(server.Generator.RemovePrefix("gone"));
        foreach (bool stream in (bool[])[false, true])
        {
            (int status, JsonNode answer) =
                await server.Post("/v1/completions", new { model = "gone", prompt = "a", stream });
            Assert.AreEqual((404, "model_not_found"), (status, (string)answer["error"]!["code"]!));
            Assert.StartsWith("model: expected one of ", (string)answer["error"]!["message"]!);
        }
    }

    [TestMethod]
    public async Task Look_AtWhatIsNoPrefix_PassesItOver()
    {
        await using RunningServer server = await RunningServer.Start();
        using var folder = new TemporaryFolder();
        using var elsewhere = new TemporaryFolder();
        TinyServing.Random(4).Save(elsewhere["four.safetensors"]);
        File.CreateSymbolicLink(folder["link.safetensors"], elsewhere["four.safetensors"]);
        Directory.CreateSymbolicLink(folder["folder"], elsewhere.Path);
        Directory.CreateDirectory(folder["adapter"]);
        File.WriteAllText(Path.Combine(folder["adapter"], "adapter_config.json"), "{}");
        File.CreateSymbolicLink(Path.Combine(folder["adapter"], "adapter_model.safetensors"),
            elsewhere["four.safetensors"]);
        foreach (string name in (string[])[".hidden.safetensors", "four.safetensors.saving-1", "model.zip", "text.txt"])
            File.Copy(elsewhere["four.safetensors"], folder[name]);
        // A name that is another's already.
        File.Copy(elsewhere["four.safetensors"], folder["short.safetensors"]);
        string former = await Text(server, "short");

        Watch(server, folder).Begin();

        CollectionAssert.AreEqual((string[])["tiny", "long", "short"],
            server.Models.All.Select(model => model.Name).ToArray());
        Assert.AreEqual(former, await Text(server, "short"));
        Assert.Contains("short.safetensors' was passed over, since another model has its name.", server.Lines);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux | OperatingSystems.OSX)]
    public async Task Look_AtANameWithALineBreak_LogsItOnOneLine()
    {
        await using RunningServer server = await RunningServer.Start();
        using var folder = new TemporaryFolder();
        TinyServing.Random(4).Save(folder["four.safetensors"]);
        File.Move(folder["four.safetensors"], folder["good\nprefix-tune: none.safetensors"]);
        File.WriteAllText(folder["bad\nprefix-tune: none.safetensors"], "no prefix");

        Watch(server, folder).Begin();

        Assert.HasCount(2, server.Lines.TrimEnd().Split('\n'));
        Assert.Contains("bad\\u000aprefix-tune: none.safetensors' was not taken: ", server.Lines);
    }

    [TestMethod]
    public async Task Look_AtAnAdapter_ServesIt()
    {
        await using RunningServer server = await RunningServer.Start();
        using var folder = new TemporaryFolder();
        TinyServing.Random(6).SaveAsPeft(folder["peft"], BaseModel.FromFolder(TinyServing.BasePath));
        Watch(server, folder).Begin();
        Assert.AreNotEqual("", await Text(server, "peft"));
    }

    [TestMethod]
    public async Task Begin_WithoutAFolder_IsRefused()
    {
        await using RunningServer server = await RunningServer.Start();
        using var folder = new TemporaryFolder();
        WatchedFolder watched = Watch(server, folder, "nothing");
        Assert.ThrowsExactly<DirectoryNotFoundException>(watched.Begin);
    }

    private static WatchedFolder Watch(RunningServer server, TemporaryFolder folder, string inner = "") =>
        new(Path.Combine(folder.Path, inner), server.Models, (name, path) => PrefixEntry.Read(name, path,
            BaseModel.FromFolder(TinyServing.BasePath), start => start).Single(), server.Log);

    private static async Task<string> Text(RunningServer server, string model) => (string)(await server.Ask(
        "/v1/completions", new { model, prompt = TinyServing.Row, max_tokens = 30 }))["choices"]![0]!["text"]!;
}
