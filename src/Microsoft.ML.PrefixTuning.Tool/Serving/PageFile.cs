using System;
using System.IO;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>The page at <c>/</c>: one file, whose own style and script are all that its policy lets a browser run.
/// </summary>
internal static partial class PageFile
{
    private const string Resource = "Page.html";

    private static readonly Lazy<(byte[] Content, string Policy)> Page = new(Read);

    /// <summary>Sends it.</summary>
    public static Task Send(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.ContentType = "text/html; charset=utf-8";
        response.Headers.ContentSecurityPolicy = Page.Value.Policy;
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.ContentLength = Page.Value.Content.Length;
        return response.Body.WriteAsync(Page.Value.Content).AsTask();
    }

    private static (byte[] Content, string Policy) Read()
    {
        using Stream stream = typeof(PageFile).Assembly.GetManifestResourceStream(Resource)!;
        using var reader = new StreamReader(stream);
        string html = reader.ReadToEnd().ReplaceLineEndings("\n");
        return (Encoding.UTF8.GetBytes(html), "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none';"
            + $" form-action 'none'; frame-ancestors 'none'; style-src {Hash(Style().Match(html))};"
            + $" script-src {Hash(Script().Match(html))}");
    }

    private static string Hash(Match match) =>
        $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(match.Groups[1].Value)))}'";

    [GeneratedRegex("<style>(.*?)</style>", RegexOptions.Singleline)]
    private static partial Regex Style();

    [GeneratedRegex("<script>(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Script();
}
