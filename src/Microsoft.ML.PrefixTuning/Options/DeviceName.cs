using System;
using System.Globalization;

namespace Microsoft.ML.PrefixTuning;

/// <summary>How devices are called. Whether one is there is found out where a base is loaded.</summary>
internal static class DeviceName
{
    /// <summary>Checks the name among options; null is the caller's default.</summary>
    public static void Check(Faults faults, string? device, ModelPrecision precision)
    {
        if (device is null)
            return;
        faults.That(IsName(device), "Device", "cpu, cuda, cuda:<number> or mps", $"'{device}'");
        faults.That(device == "cpu" || precision is not (ModelPrecision.Int8 or ModelPrecision.Int4), "Device",
            $"cpu with a Precision of {precision}", $"'{device}'");
    }

    private static bool IsName(string device) => device is "cpu" or "cuda" or "mps"
        || (device.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));
}
