// Trains a prefix for a small language model on the rows of a CSV file, saves it, and writes a text with it.
//
//   dotnet run -c Release                                 the rows of rows.csv: under a minute, too few to learn well
//   dotnet run -c Release -- my.csv "what to write of"    yours; some hundred rows are a good beginning
//
// The file has a header and two columns: what is read, and the text that is wanted of it.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;

string data = args.Length > 0 ? args[0] : Path.Combine(AppContext.BaseDirectory, "rows.csv");
string asked = args.Length > 1 ? args[1] : "city : Lyon | weather : rain | high : 12 | wind : strong";
const string ModelFile = "model.zip";

var mlContext = new MLContext(seed: 1);
IDataView rows = mlContext.Data.LoadFromTextFile<Example>(data, separatorChar: ',', hasHeader: true,
    allowQuoting: true);

PrefixTuningEstimator pipeline = mlContext.Transforms.Text.PrefixTune(
    outputColumnName: nameof(Written.Text), inputColumnName: nameof(Example.Facts),
    labelColumnName: nameof(Example.Wanted), baseModel: SmolLM2.Instruct135M, new PrefixTuningOptions
    {
        Training = new TrainingOptions
        {
            MaxEpochs = 5,
            Progress = at => Console.Write($"\rstep {at.Step} of {at.TotalSteps}, loss {at.Loss:F2}, "
                + $"{at.TimeLeft:m\\:ss} left "),
        },
        Generation = new GenerationOptions { MaxNewTokens = 60 },
    });

Console.WriteLine("Loading SmolLM2-135M-Instruct ...");
using PrefixTuningTransformer model = pipeline.Fit(rows);
TrainingSummary summary = model.TrainingSummary!;
Console.WriteLine($"\nHeld-out loss: {summary.BaseLoss:F2} without a prefix, {summary.BestLoss:F2} with it.");

// The file holds the prefix and which base it needs: mlContext.Model.Load(ModelFile, out _) has it back.
mlContext.Model.SaveAtomically(model, rows.Schema, ModelFile);
Console.WriteLine($"Saved as {Path.GetFullPath(ModelFile)}.");

IDataView question = mlContext.Data.LoadFromEnumerable([new Example { Facts = asked }]);
Console.WriteLine($"\n{asked}\n{model.Transform(question).GetColumn<string>(nameof(Written.Text)).Single()}");

/// <summary>A row of the file.</summary>
internal sealed class Example
{
    [LoadColumn(0)]
    public string Facts { get; set; } = "";

    [LoadColumn(1)]
    public string Wanted { get; set; } = "";
}

/// <summary>What the model adds to a row.</summary>
internal sealed class Written
{
    public string Text { get; set; } = "";
}
