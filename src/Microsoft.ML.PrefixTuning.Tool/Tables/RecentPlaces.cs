using System.Threading;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// The places of the rows that were read last, by their numbers, for messages. Safe for concurrent use.
/// </summary>
internal sealed class RecentPlaces
{
    // Who asks for a row's place stands on the row, or a look-ahead behind it.
    private const int Kept = 1024;

    private readonly Lock _lock = new();
    private readonly (long Position, string Place)[] _places = new (long, string)[Kept];

    /// <summary>Keeps a row's place.</summary>
    public void Add(long position, string place)
    {
        lock (_lock)
            _places[position % Kept] = (position, place);
    }

    /// <summary>A row's place; null where it is too long ago.</summary>
    public string? Find(long position)
    {
        if (position < 0)
            return null;
        lock (_lock)
            return _places[position % Kept] is { Place: { } place } found && found.Position == position ? place : null;
    }
}
