using System;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Signals;

/// <summary>
/// The meter and the source of activities of this library (docs/observing.md), of which nothing is computed where
/// nobody listens.
/// </summary>
internal static class SignalSource
{
    /// <summary>The name that listeners ask for.</summary>
    public const string Name = "Microsoft.ML.PrefixTuning";

    /// <summary>Tag of the base that something was done with: the name of its folder or file.</summary>
    public const string BaseTag = "prefix_tuning.base";

    private static readonly string? Version =
        typeof(SignalSource).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    static SignalSource() => Meter.CreateObservableUpDownCounter("prefix_tuning.memory", () => Environment.WorkingSet,
        "By", "Memory of the process that lies in RAM, that of torch included.");

    /// <summary>Makes instruments.</summary>
    public static Meter Meter { get; } = new(Name, Version);

    /// <summary>Starts activities.</summary>
    public static ActivitySource Activities { get; } = new(Name, Version);

    /// <summary>Starts an activity on a base; null where nobody listens.</summary>
    /// <param name="name">What is done.</param>
    /// <param name="baseName">Name of the base.</param>
    public static Activity? Start(string name, string baseName) => Activities.StartActivity(name)?.SetTag(BaseTag,
        baseName);

    /// <summary>Does something within an activity, which is marked where it fails.</summary>
    public static T Within<T>(Activity? activity, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception fault)
        {
            activity?.SetStatus(ActivityStatusCode.Error, fault.Message);
            throw;
        }
    }
}
