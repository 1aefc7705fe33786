using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>Finds the base of a saved transformer on this machine, by its identity.</summary>
internal static class BaseLocator
{
    /// <summary>
    /// Name of the application setting (<c>AppContext</c>, such as a <c>RuntimeHostConfigurationOption</c> in the
    /// project file) that holds a folder to look for bases in.
    /// </summary>
    public const string FolderSetting = "Microsoft.ML.PrefixTuning.BaseModelFolder";

    /// <summary>
    /// Name of the environment variable that holds folders to look for bases in, or bases themselves, separated as in
    /// PATH.
    /// </summary>
    public const string Variable = "PREFIX_TUNING_BASE_MODELS";

    // The caller's own answer to where a base lies, while a model is loaded.
    private static readonly AsyncLocal<Func<NeededBase, string?>?> Asked = new();

    // Digits of a hash that tell bases apart for a reader.
    private const int ShownDigits = 12;

    /// <summary>The name of a base: its folder, or its file and the folder that it lies in.</summary>
    public static string NameOf(string path) =>
        Directory.Exists(path) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(path))
        : $"{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}";

    /// <summary>Loads something whose bases the caller may know.</summary>
    /// <param name="find">Asked first; null where it does not know.</param>
    /// <param name="load">Loads.</param>
    public static T FindBy<T>(Func<NeededBase, string?> find, Func<T> load)
    {
        Func<NeededBase, string?>? before = Asked.Value;
        Asked.Value = find;
        try
        {
            return load();
        }
        finally
        {
            Asked.Value = before;
        }
    }

    /// <summary>What to do where a base was found nowhere.</summary>
    public static string Remedy => "Put it at one of these places, or name it or its folder by the environment variable"
        + $" {Variable}{ApplicationRemedy}.";

    /// <summary>The part of <see cref="Remedy"/> that only an application can do, not the user of one.</summary>
    public static string ApplicationRemedy => $", by the application setting {FolderSetting} or by a function that"
        + " finds it (mlContext.Model.Load(path, out schema, findBase))";

    /// <summary>
    /// Tries the places where the base may lie, in order: where the caller's function says, as recorded, unless that is
    /// in the network, beside the application, where the environment variable and the application's setting say.
    /// </summary>
    /// <param name="saved">The base that is needed.</param>
    /// <param name="acquire">Loads a base; its lease is the caller's.</param>
    /// <exception cref="FileNotFoundException">Nothing is at any of the places.</exception>
    /// <exception cref="InvalidOperationException">
    /// Something is there, but another base, a broken one or part of one.
    /// </exception>
    public static BaseLease Find(SavedBase saved, Func<string, BaseLease> acquire)
    {
        Exception? first = null;
        var looked = new List<string>();
        if (IsInNetwork(saved.Path))
        {
            looked.Add($"{FileText.Quote(saved.Path)}: a place in the network, which is not opened because a model file"
                + " names it");
        }
        foreach (string path in Places(saved.ToNeeded()))
        {
            string found = "nothing is there";
            try
            {
                if (File.Exists(path) || Directory.Exists(path))
                    return Check(saved, acquire(path));
            }
            // Whatever is wrong with one place, the base may lie at the next.
            catch (Exception fault) when (fault is InvalidOperationException or FormatException or NotSupportedException
                or IOException or UnauthorizedAccessException)
            {
                first ??= fault;
                found = fault.Message;
            }
            looked.Add($"{FileText.Quote(path)}: {found}");
        }
        throw Missing(saved, looked, first);
    }

    /// <summary>Refuses a base that is not the saved one; its lease is then given back.</summary>
    /// <exception cref="InvalidOperationException">It is another base.</exception>
    public static BaseLease Check(SavedBase saved, BaseLease lease)
    {
        try
        {
            FrozenBase found = lease.Base;
            return saved.Identity.Difference(found.Model.Spec, found.Identity.Weights) is not { } difference ? lease
                : throw new InvalidOperationException(
                    $"The saved transformer needs the base model {FileText.Quote(saved.Name)}, but"
                        + $" '{found.Path}' is another one: {difference}.");
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    private static Exception Missing(SavedBase saved, List<string> looked, Exception? first)
    {
        string message =
            $"The saved transformer needs the base model {FileText.Quote(saved.Name)}"
                + $" ({FileText.Quote(saved.Identity.Summary)}, "
            + $"weights {saved.Identity.Weights[..ShownDigits]}), which was not found. Looked for:"
            + $"{Environment.NewLine}{string.Join(Environment.NewLine, looked)}{Environment.NewLine}"
            + Remedy;
        return first is null ? new FileNotFoundException(message, saved.Path)
            : new InvalidOperationException(message, first);
    }

    // Windows hands the user's name and hashed password to any server that a path begins with. Its names of devices
    // (\\?\, \\.\, \??\) may lead to one, too.
    private static bool IsInNetwork(string path) =>
        path is ['/' or '\\', '/' or '\\', ..] or ['/' or '\\', '?', '?', '/' or '\\', ..];

    /// <summary>The places where a base may lie, in order, each once.</summary>
    /// <param name="needed">The base; the place that it was recorded at is passed over where that is in the network.
    /// </param>
    public static IEnumerable<string> Places(NeededBase needed) => All(needed).Distinct();

    private static IEnumerable<string> All(NeededBase needed)
    {
        if (Asked.Value?.Invoke(needed) is { Length: > 0 } answer)
            yield return Path.GetFullPath(answer);
        if (!IsInNetwork(needed.Path))
            yield return needed.Path;
        string name = needed.Name.TrimStart('/').Replace('/', Path.DirectorySeparatorChar);
        yield return Path.Combine(AppContext.BaseDirectory, BaseModel.ApplicationFolder, name);
        string[] named = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } list
            ? list.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) : [];
        if (AppContext.GetData(FolderSetting) is string { Length: > 0 } folder)
            named = [.. named, folder];
        foreach (string path in named.Select(Path.GetFullPath))
        {
            // A base that was renamed has no other name than its own path.
            if (File.Exists(path) || File.Exists(Path.Combine(path, "config.json")))
            {
                yield return path;
                continue;
            }
            yield return Path.Combine(path, name);
            yield return Path.Combine(path, Path.GetFileName(name));
        }
    }
}
