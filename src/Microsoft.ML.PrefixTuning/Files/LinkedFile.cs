using System.IO;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>Files that a path may lead to by links, as in the cache of Hugging Face's hub.</summary>
internal static class LinkedFile
{
    /// <summary>Size and time of the file itself: those of <see cref="FileInfo"/> are the link's.</summary>
    /// <exception cref="IOException">Links lead in a circle.</exception>
    public static FileInfo Info(string path)
    {
        var file = new FileInfo(path);
        return file.LinkTarget is null ? file : (FileInfo)file.ResolveLinkTarget(returnFinalTarget: true)!;
    }
}
