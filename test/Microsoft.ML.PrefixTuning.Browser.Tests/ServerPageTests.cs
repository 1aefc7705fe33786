using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Server.Tests;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.Playwright;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.Playwright.Assertions;

namespace Microsoft.ML.PrefixTuning.Browser.Tests;

/// <summary>The server's page, as a person uses it: with keys alone, on a phone, in the dark.</summary>
[TestClass]
public sealed class ServerPageTests
{
    private static RunningServer s_server = null!;
    private static IBrowser s_browser = null!;

    [ClassInitialize]
    public static async Task Start(TestContext _) =>
        (s_server, s_browser) = (await RunningServer.Start(), await Browser.Start());

    [ClassCleanup]
    public static async Task Stop()
    {
        await s_browser.DisposeAsync();
        await s_server.DisposeAsync();
    }

    [TestMethod]
    [DataRow(ColorScheme.Light, 1200, 800), DataRow(ColorScheme.Dark, 1200, 800), DataRow(ColorScheme.Light, 360, 740)]
    [DataRow(ColorScheme.Dark, 360, 740)]
    public async Task Page_WithTwoPrefixes_ShowsBothTexts(ColorScheme scheme, int width, int height)
    {
        (IPage page, List<string> faults) = await Open(scheme, width, height);
        await page.GetByLabel("Prefix", new() { Exact = true }).SelectOptionAsync("short");
        await page.GetByLabel("Beside it").SelectOptionAsync("long");
        await page.GetByLabel("Row", new() { Exact = true }).FillAsync(TinyServing.Row);
        await page.GetByLabel("New tokens at most").FillAsync("60");
        await page.GetByRole(AriaRole.Button, new() { Name = "Write" }).ClickAsync();

        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Done");

        string[] names = ["short", "long"];
        for (int place = 0; place < 2; place++)
        {
            TextResult expected = await s_server.Generator.GenerateAsync(new TextRequest
            {
                Text = TinyServing.Row,
                Prefix = names[place],
                Generation = new() { MaxNewTokens = 60 },
            });
            ILocator region = page.GetByRole(AriaRole.Region, new() { Name = names[place] });
            Assert.AreEqual(expected.Text, await region.Locator(".text").TextContentAsync());
            await Expect(region.Locator(".speed")).ToHaveTextAsync(Speed(expected.NewTokens));
        }
        Assert.IsTrue(await Browser.Fits(page));
        Assert.IsGreaterThanOrEqualTo(4.5, await Browser.Contrast(page));
        await Browser.Take(page, $"server-{scheme}-{width}".ToLowerInvariant());
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }

    [TestMethod]
    public async Task Page_WithKeysAlone_WritesAndStops()
    {
        (IPage page, List<string> faults) = await Open(ColorScheme.Light, 1200, 800);
        // From one field to the next, in the order in which they are read.
        foreach (string id in (string[])["model0", "model1", "input"])
        {
            await page.Keyboard.PressAsync("Tab");
            Assert.AreEqual(id, await page.EvaluateAsync<string>("() => document.activeElement.id"));
        }
        await page.Keyboard.TypeAsync(TinyServing.Row);
        await page.GetByLabel("Temperature").FillAsync("50");
        await page.GetByLabel("New tokens at most").FillAsync("240");
        // The text is not at its end when it is stopped, however long that takes.
        using var held = new HeldLoop(s_server.Generator);
        await page.Keyboard.PressAsync("Control+Enter");
        await Expect(page.Locator("#speed0")).ToContainTextAsync("token");
        await page.Keyboard.PressAsync("Escape");

        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Stopped");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Write" })).ToBeEnabledAsync();
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }

    [TestMethod]
    public async Task Page_OfARefusedRequest_ShowsWhy()
    {
        (IPage page, _) = await Open(ColorScheme.Dark, 1200, 800);
        await page.GetByLabel("Row", new() { Exact = true })
            .FillAsync(string.Concat(Enumerable.Repeat("name : Venue | ", 120)));
        await page.GetByRole(AriaRole.Button, new() { Name = "Write" }).ClickAsync();

        await Expect(page.Locator("#text0")).ToContainTextAsync("Request: expected a prompt of at most");
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Not written");
        Assert.IsGreaterThanOrEqualTo(4.5, await Browser.Contrast(page));
        await Browser.Take(page, "server-refused");
    }

    [TestMethod]
    public async Task Page_WhoseServerComesBack_TakesItsComplaintBack()
    {
        IPage page = await s_browser.NewPageAsync();
        await page.RouteAsync("**/v1/models", route => route.AbortAsync());
        await page.GotoAsync(s_server.Address.ToString());
        ILocator status = page.GetByRole(AriaRole.Status);
        await Expect(status).ToHaveClassAsync(new Regex("bad"));

        await page.UnrouteAsync("**/v1/models");
        await page.EvaluateAsync("() => window.dispatchEvent(new Event('focus'))");

        await Expect(status).ToHaveTextAsync("");
        await Expect(status).Not.ToHaveClassAsync(new Regex("bad"));
    }

    [TestMethod]
    public async Task Page_OfEveryElement_HasAName()
    {
        (IPage page, _) = await Open(ColorScheme.Light, 1200, 800);
        string[] unnamed = await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll("select, textarea, input, button")]
              .filter(field => !field.labels?.length && !field.textContent.trim()).map(field => field.outerHTML)
            """);
        Assert.IsEmpty(unnamed, string.Join('\n', unnamed));
    }

    private static async Task<(IPage Page, List<string> Faults)> Open(ColorScheme scheme, int width, int height)
    {
        IPage page = await s_browser.NewPageAsync(new BrowserNewPageOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = height },
        });
        var faults = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                faults.Add(message.Text);
        };
        page.PageError += (_, fault) => faults.Add(fault);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(s_server.Address.ToString(), System.StringComparison.Ordinal)
                && !request.Url.StartsWith("data:", System.StringComparison.Ordinal))
                faults.Add(request.Url);
        };
        await page.GotoAsync(s_server.Address.ToString());
        await Expect(page.Locator("#model0 option")).ToHaveCountAsync(3);
        return (page, faults);
    }

    private static Regex Speed(int tokens) => new($@"^{tokens} tokens, [\d.]+ tokens/s, first after [\d.]+ s, ended$");
}
