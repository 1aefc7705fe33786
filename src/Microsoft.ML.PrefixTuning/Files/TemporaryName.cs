using System;
using System.IO;
using System.Security.Cryptography;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Names of the temporary files of saves: the target's name, a mark, and a number that is different each time. They are
/// told from models, and belong to one target.
/// </summary>
internal static class TemporaryName
{
    private const string Mark = ".saving-";

    // UTF-8 bytes of a target's name that are kept. With a hash, mark and number behind them the whole is shorter than
    // the shortest limit of a file system in use (143 bytes, ecryptfs).
    private const int KeptBytes = 64;
    private const int HashDigits = 16;

    // UTF-8 bytes of a name on the file systems of Linux; others count characters, of which there are no more.
    private const int LongestName = 255;

    /// <summary>The path of a new temporary file beside a target.</summary>
    public static string Make(string target) =>
        Path.Combine(Path.GetDirectoryName(target)!, $"{Stem(Path.GetFileName(target))}{Mark}{Guid.NewGuid():n}");

    /// <summary>
    /// The path of a file beside a target that has its name and an ending; of a name near the limit of file systems, a
    /// beginning and a hash are left.
    /// </summary>
    public static string Beside(string target, string ending)
    {
        string name = Path.GetFileName(target);
        string stem = Encoding.UTF8.GetByteCount(name + ending) <= LongestName ? name : Stem(name);
        return Path.Combine(Path.GetDirectoryName(target) ?? "", stem + ending);
    }

    /// <summary>Whether a file is a temporary one of some save.</summary>
    public static bool Is(string path) => Path.GetFileName(path).Contains(Mark, StringComparison.Ordinal);

    /// <summary>What names of the temporary files of a target begin with.</summary>
    public static string Beginning(string target) => Stem(Path.GetFileName(target)) + Mark;

    private static string Stem(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        if (bytes.Length <= KeptBytes)
            return name;
        int kept = KeptBytes;
        // Not within a character.
        while ((bytes[kept] & 0xc0) == 0x80)
            kept--;
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        return $"{Encoding.UTF8.GetString(bytes, 0, kept)}~{hash[..HashDigits]}";
    }
}
