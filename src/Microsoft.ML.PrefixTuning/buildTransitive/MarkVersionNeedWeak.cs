using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies a 64-bit little-endian ELF library and sets the weak flag on one entry of its version needs (section
/// .gnu.version_r), so that the loader only notes the missing version. Compiled by MSBuild in the referencing build.
/// </summary>
public sealed class MarkVersionNeedWeak : Task
{
    private const uint VersionNeedSection = 0x6ffffffe;
    private const int WeakFlag = 2;

    [Required] public string Source { get; set; }

    [Required] public string Destination { get; set; }

    /// <summary>The version to mark, such as GLIBCXX_3.4.32.</summary>
    [Required] public string Version { get; set; }

    public override bool Execute()
    {
        if (IsCopied())
            return true;
        byte[] library = File.ReadAllBytes(Source);
        if (library.Length < 64 || BitConverter.ToUInt32(library, 0) != 0x464c457f || library[4] != 2
            || library[5] != 1)
        {
            Log.LogError("{0}: expected a 64-bit little-endian ELF library.", Source);
            return false;
        }
        int marked = Mark(library);
        Log.LogMessage(MessageImportance.Low, "{0}: {1} need(s) of {2} marked as weak.", Destination, marked, Version);
        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        // Moved into place whole: two projects built at once may write the same copy.
        string temporary = Destination + "." + Guid.NewGuid().ToString("N");
        File.WriteAllBytes(temporary, library);
        File.SetLastWriteTimeUtc(temporary, File.GetLastWriteTimeUtc(Source));
        if (File.Exists(Destination))
            File.Delete(Destination);
        File.Move(temporary, Destination);
        return true;
    }

    // Packages keep the times of their making: another version's library may be older than the copy of the former one.
    private bool IsCopied()
    {
        FileInfo source = new FileInfo(Source), copy = new FileInfo(Destination);
        return copy.Exists && copy.Length == source.Length && copy.LastWriteTimeUtc == source.LastWriteTimeUtc;
    }

    private int Mark(byte[] library)
    {
        long sections = BitConverter.ToInt64(library, 0x28);
        int sectionSize = BitConverter.ToUInt16(library, 0x3a);
        int sectionCount = BitConverter.ToUInt16(library, 0x3c);
        int marked = 0;
        for (int s = 0; s < sectionCount; s++)
        {
            int header = (int)(sections + s * sectionSize);
            if (BitConverter.ToUInt32(library, header + 4) != VersionNeedSection)
                continue;
            int link = BitConverter.ToInt32(library, header + 0x28);
            long names = BitConverter.ToInt64(library, (int)(sections + link * sectionSize) + 0x18);
            int need = (int)BitConverter.ToInt64(library, header + 0x18);
            for (int next = -1; next != 0; need += next)
            {
                int auxiliary = need + BitConverter.ToInt32(library, need + 8);
                for (int nextAuxiliary = -1; nextAuxiliary != 0; auxiliary += nextAuxiliary)
                {
                    if (Name(library, names + BitConverter.ToInt32(library, auxiliary + 8)) == Version)
                    {
                        library[auxiliary + 4] |= WeakFlag;
                        marked++;
                    }
                    nextAuxiliary = BitConverter.ToInt32(library, auxiliary + 12);
                }
                next = BitConverter.ToInt32(library, need + 12);
            }
        }
        return marked;
    }

    private static string Name(byte[] library, long offset)
    {
        int end = Array.IndexOf(library, (byte)0, (int)offset);
        return Encoding.ASCII.GetString(library, (int)offset, end - (int)offset);
    }
}
