using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>One use of a room by another, with an example.</summary>
/// <param name="From">The room that uses.</param>
/// <param name="To">The room that is used.</param>
/// <param name="Example">The member that uses, and what it uses.</param>
internal sealed record RoomUse(string From, string To, string Example);

/// <summary>Which room of the library uses which, by the types in its compiled members. A room is a folder.</summary>
internal static partial class RoomGraph
{
    private static readonly Assembly Library = typeof(PrefixTuningEstimator).Assembly;

    // A partial type lies in several files, and each member in the room of the file that has it.
    private static readonly ILookup<string, string> FilesOfType = Source.LibraryFiles
        .SelectMany(file => Declaration().Matches(File.ReadAllText(Path.Combine(Source.Library, file)))
            .Select(match => (Name: match.Groups[1].Value, File: file)))
        .ToLookup(pair => pair.Name, pair => pair.File);

    /// <summary>Every use of a room by another one, once.</summary>
    public static IReadOnlyList<RoomUse> Uses { get; } = [.. All().DistinctBy(use => (use.From, use.To))];

    /// <summary>The room of a file: its first folder; an empty name for the root.</summary>
    public static string RoomOf(string file) => file.Contains('/') ? file[..file.IndexOf('/')] : "";

    private static IEnumerable<RoomUse> All() =>
        from type in Library.GetTypes()
        let outer = Outermost(type)
        where FilesOfType.Contains(Name(outer))
        from use in UsedTypes.OfDeclaration(type).Select(used => (Member: type.Name, Room: HomeOf(outer), Used: used))
            .Concat(UsedTypes.Members(type).SelectMany(member => UsedTypes.Of(member)
                .Select(used => (Member: member.Name, Room: RoomOf(outer, member), Used: used))))
        where use.Used.Assembly == Library && FilesOfType.Contains(Name(use.Used))
        let to = HomeOf(use.Used)
        where to != use.Room && use.Used != outer
        select new RoomUse(use.Room, to, $"{outer.Name}.{use.Member} uses {use.Used.Name}");

    private static string RoomOf(Type outer, MemberInfo member)
    {
        string[] files = [.. FilesOfType[Name(outer)]];
        string? own = files.Length == 1 ? null
            : files.FirstOrDefault(file => Regex.IsMatch(File.ReadAllText(Path.Combine(Source.Library, file)),
                $@"\b{Regex.Escape(member.Name)}\("));
        return own is null ? HomeOf(outer) : RoomOf(own);
    }

    /// <summary>The room of a type; of a partial one the file that has its name.</summary>
    private static string HomeOf(Type type)
    {
        string name = Name(type);
        return RoomOf(FilesOfType[name]
            .OrderByDescending(file => Path.GetFileNameWithoutExtension(file) == name).First());
    }

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static string Name(Type type) => type.Name.Split('`')[0];

    [GeneratedRegex(@"^(?:public|internal|file) (?:(?:static|sealed|abstract|readonly|partial|unsafe|ref) )*"
        + @"(?:record struct|record|class|struct|interface|enum|delegate) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();
}
