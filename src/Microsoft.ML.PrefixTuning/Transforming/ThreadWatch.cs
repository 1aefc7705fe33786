using System;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// Notices that a row is used by more than one thread at once, as far as that shows. An engine writes its input into a
/// row, moves its position on and asks for the columns: a second thread would overwrite an input that was not read yet.
/// </summary>
/// <remarks>
/// It shows in calls that overlap, in a position that moves during a call or is asked for by two threads, and, once a
/// second thread was seen at all, in a position that was passed over. What is used by one thread alone may pass over
/// positions, as when an earlier column fails. It does not show where all of a call falls between two steps of another;
/// no reader of the row can see that.
/// </remarks>
/// <param name="row">The row that is watched.</param>
internal sealed class ThreadWatch(DataViewRow row)
{
    private const int Nobody = 0;

    private readonly Lock _lock = new();
    private long? _position;
    private int _asker;
    private int _reader;
    private bool _isShared;
    private bool _isRefused;

    /// <summary>Notes that this thread asks for a column of the row.</summary>
    public void Note()
    {
        lock (_lock)
            Note(row.Position, Environment.CurrentManagedThreadId);
    }

    /// <summary>
    /// Begins to read the row for a text. Noted before anything is read, so that a read that fails is no gap.
    /// </summary>
    /// <returns>The row's position.</returns>
    /// <exception cref="InvalidOperationException">Its input may be another thread's.</exception>
    public long Enter()
    {
        lock (_lock)
        {
            long position = row.Position;
            Note(position, Environment.CurrentManagedThreadId);
            if (_isRefused)
                throw Refusal();
            _reader = Environment.CurrentManagedThreadId;
            return position;
        }
    }

    /// <summary>Refuses what was read since <see cref="Enter"/> where another thread came in between.</summary>
    /// <param name="position">What <see cref="Enter"/> gave.</param>
    /// <exception cref="InvalidOperationException">One did.</exception>
    public void Confirm(long position)
    {
        lock (_lock)
        {
            if (row.Position == position && _position == position && !_isRefused)
                return;
            _isShared = true;
            throw Refusal();
        }
    }

    /// <summary>Ends what <see cref="Enter"/> began.</summary>
    public void Leave()
    {
        lock (_lock)
            _reader = Nobody;
    }

    private void Note(long position, int thread)
    {
        bool isOther = _position is not null && thread != _asker, isNew = position != _position;
        _isShared |= isOther;
        bool overlaps = _reader != Nobody && _reader != thread;
        // A refused position stays refused: its input may be either thread's, whoever asks.
        _isRefused = overlaps || (isNew ? _isShared && position > _position + 1 : _isRefused || isOther);
        (_position, _asker) = (position, isNew ? thread : _asker);
    }

    private static InvalidOperationException Refusal() =>
        new("This PredictionEngine is used by more than one thread at once, which ML.NET does not allow: take one"
            + " engine a thread, such as from a PredictionEnginePool.");
}
