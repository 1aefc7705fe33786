using System;
using System.IO;
using System.Net.Http;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>What the server says of itself: health, figures, its document and its page.</summary>
[TestClass]
public sealed partial class ServerPagesTests
{
    private static RunningServer s_server = null!;

    [ClassInitialize]
    public static async Task Start(TestContext _) => s_server = await RunningServer.Start();

    [ClassCleanup]
    public static async Task Stop() => await s_server.DisposeAsync();

    [TestMethod]
    public async Task Health_OfARunningServer_IsGood() =>
        Assert.AreEqual("""{"status":"ok"}""", await s_server.Client.GetStringAsync("/health"));

    [TestMethod]
    [DataRow("/health"), DataRow("/"), DataRow("/v1/models")]
    public async Task Head_OfAPage_HasItsLengthAlone(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, path);
        using HttpResponseMessage answer = await s_server.Client.SendAsync(request);

        Assert.AreEqual(200, (int)answer.StatusCode);
        byte[] whole = await s_server.Client.GetByteArrayAsync(path);
        Assert.AreEqual(whole.Length, answer.Content.Headers.ContentLength);
        Assert.IsEmpty(await answer.Content.ReadAsByteArrayAsync());
    }

    [TestMethod]
    public async Task Health_OfAProbeWithoutAHost_IsGood()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(s_server.Address.Host, s_server.Address.Port);
        await using NetworkStream stream = client.GetStream();
        await stream.WriteAsync("GET /health HTTP/1.0\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(stream);

        Assert.Contains(" 200 OK", await reader.ReadLineAsync() ?? "");
    }

    [TestMethod]
    public async Task Metrics_AfterRequests_HaveFiguresByKnownNamesOnly()
    {
        await s_server.Ask("/v1/completions", new { model = "short", prompt = TinyServing.Row, max_tokens = 7 });
        // Answered only when all is told of the first.
        await s_server.Ask("/v1/completions", new { model = "long", prompt = TinyServing.Row, max_tokens = 3 });
        await s_server.Post("/v1/completions", new { model = "strange-name", prompt = "a" });
        await s_server.Client.GetAsync("/strange-path");

        string figures = await s_server.Client.GetStringAsync("/metrics");

        foreach (string figure in (string[])[@"prefix_tuning_serving_queue\{[^}]*\} 0",
            @"prefix_tuning_serving_batch\{[^}]*\} 0",
            @"prefix_tuning_serving_tokens_total\{[^}]*prefix=""short""[^}]*\} 7",
            @"prefix_tuning_serving_requests_total\{[^}]*outcome=""done"",[^}]*prefix=""short""\} 1",
            "prefix_tuning_serving_time_to_first_token_seconds_bucket", "http_server_request_duration_seconds_bucket"])
            Assert.IsTrue(Regex.IsMatch(figures, "^" + figure, RegexOptions.Multiline), figure);
        Assert.IsFalse(figures.Contains("strange", StringComparison.Ordinal));
    }

    [TestMethod]
    [DataRow("tone/calm"), DataRow("tone%2Fcalm"), DataRow("tone%2fcalm")]
    public async Task Models_OfANameWithASlash_AreFoundHoweverItIsWritten(string path)
    {
        s_server.Add("tone/calm", 3);

        JsonNode model = JsonNode.Parse(await s_server.Client.GetStringAsync($"/v1/models/{path}"))!;

        Assert.AreEqual("tone/calm", (string)model["id"]!);
    }

    [TestMethod]
    public async Task Document_OfTheServer_HasEveryRouteAndField()
    {
        JsonNode document = JsonNode.Parse(await s_server.Client.GetStringAsync("/openapi/v1.json"))!;

        foreach (string path in (string[])["/v1/models", "/v1/completions", "/v1/chat/completions", "/health"])
            Assert.IsNotNull(document["paths"]![path], path);
        foreach ((string path, bool isChat) in ((string, bool)[])[(ApiDocument.Completions, false),
            (ApiDocument.Chats, true)])
        {
            JsonNode fields = document["paths"]![path]!["post"]!["requestBody"]!["content"]!["application/json"]![
                "schema"]!["properties"]!;
            foreach (RequestField field in RequestFields.Of(isChat))
                Assert.AreEqual(field.Description, (string)fields[field.Name]!["description"]!);
        }
    }

    [TestMethod]
    public async Task Page_OfTheServer_NeedsNoOtherFile()
    {
        using HttpResponseMessage answer = await s_server.Client.GetAsync("/");
        string page = await answer.Content.ReadAsStringAsync();

        Assert.AreEqual("text/html", answer.Content.Headers.ContentType!.MediaType);
        Assert.DoesNotMatchRegex(OtherFile(), page);
        string policy = string.Join("", answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy);
        Assert.DoesNotContain("unsafe", policy);
    }

    [GeneratedRegex(@"(src|href)=""(?!data:,"")|https?:|@import|url\(")]
    private static partial Regex OtherFile();
}
