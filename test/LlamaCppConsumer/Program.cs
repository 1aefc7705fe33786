// A stranger's application: a prefix made of a text, written with over llama.cpp, with nothing but the packages.
using System;
using System.Collections.Generic;
using Microsoft.ML;
using Microsoft.ML.PrefixTuning;

var mlContext = new MLContext(seed: 1);
IDataView rows = mlContext.Data.LoadFromEnumerable(new[]
{
    new Row { Facts = "name : Blue Spice", Reference = "Blue Spice is a pub ." },
});
var options = new PrefixTuningOptions
{
    Prefix = new PrefixOptions { Method = PrefixMethod.Text, Length = 4 },
    Generation = new GenerationOptions { MaxNewTokens = 12 },
};
using PrefixTuningTransformer model = mlContext.Transforms.Text.PrefixTune("Description", "Facts", "Reference",
    SmolLM2.Instruct135M, options).Fit(rows);
using TextGenerator generator = LlamaCppGenerator.FromGguf(SmolLM2.Instruct135M,
    new Dictionary<string, Prefix> { ["text"] = model.Prefix! },
    new TextGenerationOptions { Generation = options.Generation });
TextResult result = await generator.GenerateAsync(new TextRequest { Text = "name : Zizzi", Prefix = "text" });
Console.WriteLine(result.Text);
return result.NewTokens > 0 ? 0 : 1;

internal sealed class Row
{
    public string Facts { get; set; } = "";

    public string Reference { get; set; } = "";
}
