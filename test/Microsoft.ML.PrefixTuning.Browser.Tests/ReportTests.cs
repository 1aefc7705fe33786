using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Server.Tests;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.Playwright;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Browser.Tests;

/// <summary>The report of a training: light, dark and narrow, from one file, with a name for every plot.</summary>
[TestClass]
public sealed class ReportTests
{
    private static TemporaryFolder s_folder = null!;
    private static IBrowser s_browser = null!;

    [ClassInitialize]
    public static async Task Start(TestContext _)
    {
        s_folder = new TemporaryFolder();
        // A path without a place to break it at, far wider than a phone.
        string far = s_folder[Path.Combine(new string('a', 120), $"base_{new string('b', 120)}")];
        Directory.CreateDirectory(far);
        foreach (string file in Directory.GetFiles(TinyServing.BasePath))
            File.Copy(file, Path.Combine(far, Path.GetFileName(file)));
        TinyServing.TrainOn(far, s_folder, "--report", s_folder["report.html"]);
        s_browser = await Browser.Start();
    }

    [ClassCleanup]
    public static async Task Stop()
    {
        await s_browser.DisposeAsync();
        s_folder.Dispose();
    }

    [TestMethod]
    [DataRow(ColorScheme.Light, 1200), DataRow(ColorScheme.Dark, 1200), DataRow(ColorScheme.Light, 360)]
    [DataRow(ColorScheme.Dark, 360)]
    public async Task Report_OfATraining_IsReadableAndWhole(ColorScheme scheme, int width)
    {
        IPage page = await s_browser.NewPageAsync(new BrowserNewPageOptions
        {
            ColorScheme = scheme,
            ViewportSize = new ViewportSize { Width = width, Height = 800 },
        });
        string address = new Uri(s_folder["report.html"]).ToString();
        var faults = new List<string>();
        page.Request += (_, request) =>
        {
            if (request.Url != address && !request.Url.StartsWith("data:", StringComparison.Ordinal))
                faults.Add(request.Url);
        };
        page.Console += (_, message) => faults.Add(message.Text);
        await page.GotoAsync(address);

        string[] unnamed = await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll("svg, img, canvas")].filter(plot => plot.ariaHidden !== "true")
              .filter(plot => !(plot.ariaLabel || plot.getAttribute("aria-labelledby") || plot.querySelector("title")))
              .map(plot => plot.outerHTML.slice(0, 200))
            """);
        Assert.IsEmpty(unnamed, string.Join('\n', unnamed));
        Assert.IsGreaterThan(0, await page.Locator("svg").CountAsync());
        Assert.IsTrue(await Browser.Fits(page), "The page is wider than its window.");
        string[] wide = await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll("td:nth-child(2):last-child")].map(cell => cell.closest(".scroll"))
              .filter(table => table.scrollWidth > table.clientWidth).map(table => table.textContent.slice(0, 200))
            """);
        Assert.IsEmpty(wide, string.Join('\n', wide));
        await Browser.Take(page, $"report-{scheme}-{width}".ToLowerInvariant());
        Assert.IsGreaterThanOrEqualTo(4.5, await Browser.Contrast(page));
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }
}
