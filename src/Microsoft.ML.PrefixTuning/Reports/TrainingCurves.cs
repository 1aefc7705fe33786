using System;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>The values of a training, a row a step: for spreadsheets and for TensorBoard.</summary>
internal static class TrainingCurves
{
    /// <summary>What the name of a file of events has in it; TensorBoard looks for it.</summary>
    public const string EventsMark = "tfevents";

    /// <summary>
    /// A header line, then a line a step from 0 on: loss, learning rate and validation loss, empty where there is none.
    /// </summary>
    public static byte[] Csv(TrainingSummary summary)
    {
        ILookup<int, double> validation = summary.ValidationLosses.ToLookup(point => point.Step, point => point.Loss);
        var text = new StringBuilder("step,loss,learning_rate,validation_loss\n");
        for (int step = 0; step <= summary.Losses.Count; step++)
        {
            string taken = step == 0 ? "," : $"{Number(summary.Losses[step - 1])},{Number(Rate(summary, step))}";
            string held = validation[step].Select(Number).LastOrDefault("");
            text.Append(CultureInfo.InvariantCulture, $"{step},{taken},{held}\n");
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The same as events of TensorBoard: <c>train/loss</c>, <c>train/learning_rate</c>,
    /// <c>validation/loss</c>.</summary>
    /// <param name="summary">The training.</param>
    /// <param name="end">When it ended; steps are spread evenly over its duration before.</param>
    public static byte[] Events(TrainingSummary summary, DateTimeOffset end)
    {
        var file = new TensorBoardFile();
        double last = end.ToUnixTimeMilliseconds() / 1000.0, first = last - summary.Duration.TotalSeconds;
        int steps = summary.Losses.Count;
        file.Begin(first);
        for (int step = 1; step <= steps; step++)
        {
            file.Add(TimeOf(step), step, "train/loss", summary.Losses[step - 1]);
            file.Add(TimeOf(step), step, "train/learning_rate", Rate(summary, step));
        }
        foreach (ValidationLoss point in summary.ValidationLosses)
            file.Add(TimeOf(point.Step), point.Step, "validation/loss", point.Loss);
        return file.ToBytes();

        double TimeOf(int step) => first + (last - first) * step / Math.Max(1, steps);
    }

    // A search for words takes steps without a rate.
    private static double Rate(TrainingSummary summary, int step) =>
        step <= summary.LearningRates.Count ? summary.LearningRates[step - 1] : 0;

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
