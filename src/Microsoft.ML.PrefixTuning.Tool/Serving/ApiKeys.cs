using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>The keys that open the server; none where everybody may ask. Kept as hashes.</summary>
internal sealed class ApiKeys
{
    /// <summary>The environment variable that holds a key.</summary>
    public const string Variable = "PREFIX_TUNING_API_KEY";

    private const int LeastCharacters = 8;

    private readonly byte[][] _hashes;

    private ApiKeys(IEnumerable<string> keys) => _hashes = [.. keys.Select(Hash)];

    /// <summary>No keys: everybody may ask.</summary>
    public static ApiKeys None { get; } = new([]);

    /// <summary>Whether a key is needed.</summary>
    public bool AreNeeded => _hashes.Length > 0;

    /// <summary>The keys of the environment and of a file.</summary>
    /// <param name="variable">What the environment variable holds; null where it is not there.</param>
    /// <param name="path">A file with a key a line; null for none.</param>
    /// <exception cref="FormatException">A key is too short, or the file has none.</exception>
    public static ApiKeys Read(string? variable, string? path)
    {
        var keys = new List<string>();
        if (!string.IsNullOrWhiteSpace(variable))
            keys.Add(Checked(variable.Trim(), Variable));
        if (path is not null)
        {
            string[] lines = [.. File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0)];
            if (lines.Length == 0)
                throw new FormatException($"{path}: expected a key a line, found none.");
            keys.AddRange(lines.Select(line => Checked(line, path)));
        }
        return new ApiKeys(keys);
    }

    /// <summary>Whether a request brings one of the keys.</summary>
    /// <param name="authorization">
    /// Its Authorization header: the key as Bearer, or as the password of Basic, which browsers ask for.
    /// </param>
    public bool Open(string? authorization)
    {
        if (!AreNeeded)
            return true;
        byte[] given = Hash(KeyOf(authorization) ?? "");
        bool opens = false;
        // All of them, so that the time tells nothing.
        foreach (byte[] hash in _hashes)
            opens |= CryptographicOperations.FixedTimeEquals(hash, given);
        return opens;
    }

    private static string? KeyOf(string? authorization)
    {
        // Not as the framework reads a header: there a comma or a quotation mark, which a key may have, ends it.
        if (authorization?.Trim().Split(' ', 2, StringSplitOptions.TrimEntries) is not [var scheme, var given])
            return null;
        if ("Bearer".Equals(scheme, StringComparison.OrdinalIgnoreCase))
            return given;
        var bytes = new byte[given.Length];
        if (!"Basic".Equals(scheme, StringComparison.OrdinalIgnoreCase)
            || !Convert.TryFromBase64String(given, bytes, out int count))
            return null;
        string pair = Encoding.UTF8.GetString(bytes, 0, count);
        return pair[(pair.IndexOf(':', StringComparison.Ordinal) + 1)..];
    }

    private static string Checked(string key, string place) =>
        key.Length >= LeastCharacters && key.All(letter => letter is > ' ' and <= '~') ? key
            : throw new FormatException($"{place}: expected keys of {LeastCharacters} or more visible ASCII characters,"
                + " found another one.");

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
