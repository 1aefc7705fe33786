using System;
using System.IO;
using System.Threading.Tasks;
using Microsoft.Playwright;

namespace Microsoft.ML.PrefixTuning.Browser.Tests;

/// <summary>A Chromium that is installed already, and where its pictures go.</summary>
internal static class Browser
{
    private static readonly string Pictures = Environment.GetEnvironmentVariable("PREFIX_TUNING_PICTURES")
        ?? Path.Combine(AppContext.BaseDirectory, "pictures");

    /// <summary>Starts it.</summary>
    public static async Task<IBrowser> Start()
    {
        IPlaywright playwright = await Playwright.Playwright.CreateAsync();
        return await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Environment.GetEnvironmentVariable("PREFIX_TUNING_CHROMIUM")
                ?? throw new InvalidOperationException("PREFIX_TUNING_CHROMIUM: expected Chromium's path; .ci/browser"
                    + " sets it."),
            // Everything is this machine's own.
            Args = ["--no-sandbox"],
        });
    }

    /// <summary>Takes a picture.</summary>
    public static Task Take(IPage page, string name) => page.ScreenshotAsync(
        new PageScreenshotOptions { Path = Path.Combine(Pictures, name + ".png"), FullPage = true });

    /// <summary>Whether the page is as wide as its window, with nothing to scroll sideways for.</summary>
    public static Task<bool> Fits(IPage page) => page.EvaluateAsync<bool>(
        "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth");

    /// <summary>The least contrast of text and what lies behind it, on the whole page (WCAG 2, 1.4.3).</summary>
    public static Task<double> Contrast(IPage page) => page.EvaluateAsync<double>("""
        () => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
          const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data]; };
          const light = color => rgba(color).slice(0, 3).map(part => part / 255)
            .map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
            .reduce((sum, part, i) => sum + part * [.2126, .7152, .0722][i], 0);
          const behind = node => { for (let at = node; at; at = at.parentElement) {
            const color = getComputedStyle(at).backgroundColor; if (rgba(color)[3] > 0) return color; } return "white"; };
          let least = 21;
          for (const node of document.querySelectorAll("body *")) {
            const hasText = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
            if (!hasText || !node.checkVisibility() || node.closest("svg, [disabled], script, style, option")) continue;
            const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
            least = Math.min(least, (a + .05) / (b + .05));
          }
          return least;
        }
        """);
}
