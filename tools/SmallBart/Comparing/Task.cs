using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.SmallBart.Comparing;

/// <summary>Rows to tune on and rows to measure on, as texts and as ids.</summary>
internal sealed class Task
{
    private const int BatchSize = 16;

    private readonly MLContext _mlContext = new(seed: 1);
    private readonly RowEncoder _encoder;

    /// <summary>Reads the rows.</summary>
    /// <param name="folder">Folder with train.tsv and test.tsv.</param>
    /// <param name="rows">Training rows, at most.</param>
    /// <param name="frozen">The base, for its tokenizer.</param>
    public Task(string folder, int rows, FrozenBase frozen)
    {
        _encoder = new RowEncoder(frozen.Tokenizer, frozen.Model.Spec, null, nameof(Paper.Text), default);
        Training = Read(Path.Combine(folder, "train.tsv")).Take(rows).ToArray();
        References = Read(Path.Combine(folder, "test.tsv"));
        Papers = References.DistinctBy(paper => paper.Text).ToArray();
        TestBatches = Encode(References).OrderBy(row => row.Tokens).Chunk(BatchSize).ToArray();
    }

    public IReadOnlyList<Paper> Training { get; }

    /// <summary>One row a reference.</summary>
    public IReadOnlyList<Paper> References { get; }

    /// <summary>One row a paper.</summary>
    public IReadOnlyList<Paper> Papers { get; }

    /// <summary><see cref="References"/> as ids.</summary>
    public IReadOnlyList<TrainingExample[]> TestBatches { get; }

    /// <summary>Rows as ids.</summary>
    public List<TrainingExample> Encode(IEnumerable<Paper> papers)
    {
        var sources = new SourceNumbers();
        return papers.Select((paper, number) =>
        {
            var row = new InputRow(number, paper.Text);
            int[] source = _encoder.Prompt(row, 0, PromptTruncation.None).Ids;
            return new TrainingExample(source, _encoder.Target(paper.Summary, out _, out _), Row: number)
            {
                Origin = sources.Of(row),
            };
        }).ToList();
    }

    /// <summary>ROUGE-1 and ROUGE-L (F) of what a model writes for the test rows, against all references.</summary>
    public (double Rouge1, double RougeL) Score(ITransformer model)
    {
        string[] texts = model.Transform(_mlContext.Data.LoadFromEnumerable(Papers))
            .GetColumn<string>(nameof(Written.Output)).ToArray();
        Dictionary<string, string> outputs = Papers.Zip(texts)
            .ToDictionary(pair => pair.First.Text, pair => pair.Second);
        IEnumerable<Written> written = References.Select(paper =>
            new Written { Text = paper.Text, Summary = paper.Summary, Output = outputs[paper.Text] });
        TextGenerationMetrics metrics =
            _mlContext.TextGeneration.Evaluate(_mlContext.Data.LoadFromEnumerable(written), nameof(Written.Summary),
            nameof(Written.Output), new TextGenerationEvaluationOptions { GroupColumnName = nameof(Written.Text) });
        return (metrics.Rouge1.F, metrics.RougeL.F);
    }

    private Paper[] Read(string file) => _mlContext.Data.CreateEnumerable<Paper>(_mlContext.Data.LoadFromTextFile(file,
        [new TextLoader.Column(nameof(Paper.Text), DataKind.String, 0),
            new TextLoader.Column(nameof(Paper.Summary), DataKind.String, 1)], hasHeader: true),
        reuseRowObject: false).ToArray();
}
