using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using Microsoft.ML.PrefixTuning.Build;

// The compiler writes the comments of all members; who uses a package sees the public ones alone.
if (args.Length != 2)
{
    Console.Error.WriteLine("Usage: PublicDocs <assembly> <its documentation file, which is rewritten>");
    return 2;
}

using var image = new PEReader(File.OpenRead(args[0]));
HashSet<string> visible = [.. new VisibleMembers(image.GetMetadataReader()).Names];
XDocument docs = XDocument.Load(args[1], LoadOptions.PreserveWhitespace);
XElement members = docs.Root!.Element("members")!;
foreach (XElement member in members.Elements("member").ToList())
{
    if (visible.Contains((string)member.Attribute("name")!))
        continue;
    // With the line break in front of it.
    if (member.PreviousNode is XText space)
        space.Remove();
    member.Remove();
}
if (!members.Elements("member").Any())
{
    Console.Error.WriteLine($"PublicDocs : error : {args[1]}: no comment of a visible member is left.");
    return 1;
}
docs.Save(args[1]);
return 0;
