using System.Globalization;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>A number of things in messages.</summary>
internal static class CountText
{
    /// <summary>The number and its word: <c>1 step</c>, <c>2,000 steps</c>.</summary>
    /// <param name="number">The number, at least 0.</param>
    /// <param name="what">One of the things; its plural has an <c>s</c> behind it.</param>
    public static string Of(long number, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{number:N0} {what}{(number == 1 ? "" : "s")}");
}
