using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks.Serving;

/// <summary>
/// What is served and asked: a base, prefixes of different texts, rows, and the texts that the transformer writes.
/// </summary>
internal sealed class ServeCase : IDisposable
{
    /// <summary>New tokens of a text at most.</summary>
    public const int NewTokens = 40;

    private const int PrefixCount = 8, PrefixLength = 20, RowCount = 12;

    private static readonly string[] Kinds = ["pub", "restaurant", "coffee shop"];
    private static readonly string[] Foods = ["French", "Italian", "Chinese", "English", "Indian"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("prefix-tuning-serve-");
    private readonly Dictionary<(int Prefix, int Row), string> _expected = [];

    /// <summary>Makes prefixes.</summary>
    /// <param name="path">Folder or file of the base.</param>
    public ServeCase(string path)
    {
        Base = File.Exists(path) ? BaseModel.FromGguf(path) : BaseModel.FromFolder(path);
        using (FrozenBase frozen = FrozenBase.Load(path, ScalarType.Float32, CPU))
            Prefixes = [.. Enumerable.Range(0, PrefixCount).Select(number => Make(frozen, number))];
        for (int number = 0; number < PrefixCount; number++)
            Prefixes[number].Save(FileOf(number));
    }

    /// <summary>Writes the texts that are to be expected.</summary>
    public void WriteTexts()
    {
        for (int number = 0; number < PrefixCount; number++)
        {
            string[] texts = Write(Prefixes[number]);
            for (int row = 0; row < RowCount; row++)
                _expected[(number, row)] = texts[row];
        }
    }

    public BaseModel Base { get; }

    public IReadOnlyList<Prefix> Prefixes { get; }

    /// <summary>The rows, as long as those of E2E.</summary>
    public static IReadOnlyList<string> Rows { get; } = [.. Enumerable.Range(0, RowCount).Select(i =>
        $"name : The {(i % 2 == 0 ? "Vaults" : "Mill")} {i} | Type : {Kinds[i % 3]} | food : {Foods[i % 5]} | price :"
        + $" {(i % 2 == 0 ? "cheap" : "more than £30")} | area : riverside | near : Café Adriatic")];

    /// <summary>The options of the command.</summary>
    public IEnumerable<string> Options => Enumerable.Range(0, PrefixCount).Select(i => $"{Name(i)}={FileOf(i)}");

    /// <summary>The name of a prefix.</summary>
    public static string Name(int prefix) => $"prefix-{prefix}";

    /// <summary>What the transformer writes.</summary>
    public string Expected(int prefix, int row) => _expected[(prefix, row)];

    public void Dispose() => _folder.Delete(recursive: true);

    private string FileOf(int number) => Path.Combine(_folder.FullName, $"{number}.safetensors");

    private string[] Write(Prefix prefix)
    {
        var context = new MLContext(seed: 1);
        IDataView rows = context.Data.LoadFromEnumerable(Rows.Select(row => new ServedRow { Text = row }));
        using PrefixTuningTransformer transformer = context.Transforms.Text.GenerateText("Written", "Text", Base,
            prefix, new TextGenerationOptions { Generation = new() { MaxNewTokens = NewTokens } }).Fit(rows);
        return [.. transformer.Transform(rows).GetColumn<string>("Written")];
    }

    private static Prefix Make(FrozenBase frozen, int number) => PrefixInitializer.Make(new StartRequest
    {
        Model = frozen.Model,
        Start = PrefixStart.DefaultText,
        Sites = [AttentionSite.Decoder],
        Length = PrefixLength,
        Convention = PrefixConvention.DecoderOnly,
        Text = [.. Enumerable.Repeat(frozen.Tokenizer.Encode(Rows[number]), PrefixLength).SelectMany(ids => ids)
            .Take(PrefixLength)],
    });

    private sealed class ServedRow
    {
        public string Text { get; set; } = "";
    }
}
