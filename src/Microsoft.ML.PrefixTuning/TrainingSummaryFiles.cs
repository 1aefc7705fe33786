using System;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Reports;

namespace Microsoft.ML.PrefixTuning;

/// <content>Summaries as files.</content>
public sealed partial record TrainingSummary
{
    /// <summary>Writes all this with its curves as one HTML page, which needs no network and no other file.</summary>
    /// <param name="path">The file; replaced if it is there, whole or not at all.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    /// <exception cref="DirectoryNotFoundException">Its folder is missing.</exception>
    /// <exception cref="IOException">Writing failed; a former file is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">
    /// The file cannot be written; a former file is untouched.
    /// </exception>
    public void WriteReport(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(HtmlReport.Write(TrainingReport.Of(this))));
    }
}
