using System;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Reports;

namespace Microsoft.ML.PrefixTuning;

/// <content>Summaries as files.</content>
public sealed partial record TrainingSummary
{
    /// <summary>
    /// Writes all this with its curves as one HTML page, which needs no network and no other file. That of a training
    /// of this process, whose model was not loaded, also has the base, the options off their defaults and
    /// <see cref="Examples"/>.
    /// </summary>
    /// <param name="path">The file; replaced if it is there, whole or not at all.</param>
    /// <param name="command">The command that trained, to be shown; null for none.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    /// <exception cref="DirectoryNotFoundException">Its folder is missing.</exception>
    /// <exception cref="IOException">Writing failed; a former file is untouched.</exception>
    /// <exception cref="UnauthorizedAccessException">
    /// The file cannot be written; a former file is untouched.
    /// </exception>
    public void WriteReport(string path, string? command = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(HtmlReport.Write(TrainingReport.Of(this, command))));
    }

    /// <summary>
    /// Writes loss, learning rate and validation loss of every step: as a file of TensorBoard's events where its name
    /// has <c>tfevents</c> in it, which is what TensorBoard looks for, else as CSV with the columns <c>step</c>,
    /// <c>loss</c>, <c>learning_rate</c>, <c>validation_loss</c>.
    /// </summary>
    /// <inheritdoc cref="WriteReport"/>
    /// <param name="path">The file; replaced if it is there, whole or not at all.</param>
    public void WriteCurves(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        bool isEvents = Path.GetFileName(path).Contains(TrainingCurves.EventsMark, StringComparison.Ordinal);
        AtomicFile.Write(path, isEvents ? TrainingCurves.Events(this, DateTimeOffset.UtcNow)
            : TrainingCurves.Csv(this));
    }
}
