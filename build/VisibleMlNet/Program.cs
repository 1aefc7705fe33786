using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Build;

if (args.Length != 3)
{
    Console.Error.WriteLine("Usage: VisibleMlNet <output folder> <assemblies, ';' between> <types, ';' between>");
    return 2;
}

string folder = Directory.CreateDirectory(args[0]).FullName;
string[] types = args[2].Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
string[] found = [];
foreach (string assembly in args[1].Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
{
    var copy = new VisibleCopy(File.ReadAllBytes(assembly), types);
    found = [.. found, .. copy.Found];
    string target = Path.Combine(folder, Path.GetFileName(assembly));
    // Moved into place whole: a design-time build may read the copy at this moment.
    string temporary = $"{target}.{Guid.NewGuid():N}";
    File.WriteAllBytes(temporary, copy.Assembly);
    File.Move(temporary, target, overwrite: true);
}

string[] missing = [.. types.Except(found)];
if (missing.Length > 0)
{
    Console.Error.WriteLine($"VisibleMlNet : error : {args[1]}: no type {string.Join(", ", missing)}.");
    return 1;
}
return 0;
