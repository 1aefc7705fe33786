// A stranger's application: trains, saves, loads and predicts with nothing but the packages.
using System;
using System.IO;
using Microsoft.Extensions.AI;
using Microsoft.ML;
using Microsoft.ML.PrefixTuning;

string modelFile = args[0];
var mlContext = new MLContext(seed: 1);
IDataView rows = mlContext.Data.LoadFromEnumerable<Row>(
[
    new() { Facts = "name : The Vaults | food : French", Reference = "The Vaults serves French food ." },
    new() { Facts = "name : Aromi | food : Chinese", Reference = "Aromi serves Chinese food ." },
]);
var pipeline = mlContext.Transforms.Text.PrefixTune("Description", "Facts", "Reference", SmolLM2.Instruct135M,
    new PrefixTuningOptions
    {
        Prefix = new PrefixOptions { Length = 4 },
        Training = new TrainingOptions { MaxSteps = 2 },
        Generation = new GenerationOptions { MaxNewTokens = 12 },
    });
var facts = new Row { Facts = "name : Zizzi | food : Indian" };
string before, chatted;
using (PrefixTuningTransformer model = pipeline.Fit(rows))
{
    mlContext.Model.SaveAtomically(model, rows.Schema, modelFile);
    // Before the engine, which disposes its transformer.
    using TextGenerator generator = model.CreateGenerator();
    chatted = (await generator.AsChatClient().GetResponseAsync(facts.Facts)).Text;
    before = Predict(mlContext, model, facts);
}
string after = Predict(mlContext, mlContext.Model.Load(modelFile, out _), facts);
File.Delete(modelFile);
Console.WriteLine(after);
return before == after && before == chatted && after.Length > 0 ? 0 : 1;

static string Predict(MLContext mlContext, ITransformer model, Row row)
{
    using var engine = mlContext.Model.CreatePredictionEngine<Row, Described>(model);
    return engine.Predict(row).Description;
}

internal sealed class Row
{
    public string Facts { get; set; } = "";

    public string Reference { get; set; } = "";
}

internal sealed class Described
{
    public string Description { get; set; } = "";
}
