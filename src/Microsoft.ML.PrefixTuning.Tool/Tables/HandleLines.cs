using System;
using System.IO;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads lines of UTF-8 and knows at which byte each ends.</summary>
/// <param name="file">The file; not owned.</param>
/// <param name="position">Its byte to begin at.</param>
internal sealed class HandleLines(SafeFileHandle file, long position)
{
    private const int BlockSize = 1 << 16;

    private readonly byte[] _block = new byte[BlockSize];
    private int _used, _filled;

    /// <summary>The byte behind the last line that was read.</summary>
    public long Position { get; private set; } = position;

    /// <summary>The next line that has an end, without it; null where there is none.</summary>
    public string? ReadLine()
    {
        using var line = new MemoryStream();
        while (Fill(Position + line.Length))
        {
            int end = Array.IndexOf(_block, (byte)'\n', _used, _filled - _used);
            int count = (end < 0 ? _filled : end) - _used;
            line.Write(_block, _used, count);
            _used += count;
            if (end < 0)
                continue;
            _used++;
            Position += line.Length + 1;
            return Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length);
        }
        return null;
    }

    private bool Fill(long at)
    {
        if (_used == _filled)
            (_used, _filled) = (0, RandomAccess.Read(file, _block, at));
        return _used < _filled;
    }
}
