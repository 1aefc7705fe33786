using System;
using System.Globalization;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Whether large blocks of native memory go back to the system when they are freed, or are kept by the C library's
/// heap, in which what is small and stays makes holes between them. The library changes nothing of its host's heap: a
/// host that owns its process, as the command does, says here what it has set, and offers to set it where memory is
/// short.
/// </summary>
internal sealed class LargeBlocks
{
    /// <summary>
    /// Bytes from which on a block is large. Above what a layer makes for a pass of a server with a small base (256
    /// tokens of SmolLM2: 1.5 MiB a result): fresh memory costs 0.6 ms a MiB, a fifth of such a product. Of a large
    /// base it is some 3 %.
    /// </summary>
    public const int LeastBytes = 4 << 20;

    // As a user gives it to glibc, which reads it when a process starts.
    private const string Tunables = "GLIBC_TUNABLES", Threshold = "glibc.malloc.mmap_threshold=";

    private volatile bool _areReturned;

    /// <summary>Those of this process.</summary>
    public static LargeBlocks OfProcess { get; } = new()
    {
        AreReturned = OperatingSystem.IsLinux() && AreReturnedBy(Environment.GetEnvironmentVariable(Tunables)),
    };

    /// <summary>Whether they go back when they are freed; set by who sets the heap up.</summary>
    public bool AreReturned { get => _areReturned; set => _areReturned = value; }

    /// <summary>
    /// Sets the heap up so that they go back, and says whether the C library took it; null where the host does not
    /// offer it.
    /// </summary>
    public Func<bool>? Offer { get; set; }

    /// <summary>Whether they go back, or will behind <see cref="Return"/>.</summary>
    public bool CanBeReturned => AreReturned || Offer is not null;

    /// <summary>Has them go back from now on, where the host offers it. It stays so: other work has it, too.</summary>
    public void Return()
    {
        if (!AreReturned && Offer is { } setUp)
            AreReturned = setUp();
    }

    /// <summary>
    /// Whether settings of glibc have them go back; by itself its threshold grows with what is freed.
    /// </summary>
    /// <param name="tunables">Names and values (<c>name=value:..</c>); null for none.</param>
    internal static bool AreReturnedBy(string? tunables) => (tunables ?? "").Split(':')
        .Where(setting => setting.StartsWith(Threshold, StringComparison.Ordinal))
        .Any(setting => long.TryParse(setting.AsSpan(Threshold.Length), NumberStyles.None, CultureInfo.InvariantCulture,
            out long bytes) && bytes <= LeastBytes);
}
