using System;
using System.Globalization;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>A stretch of time in messages.</summary>
internal static class TimeText
{
    /// <summary>Hours, minutes and seconds; of days their hours, which the format of .NET would drop.</summary>
    public static string Of(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time:mm\\:ss}");
}
