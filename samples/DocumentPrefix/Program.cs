// A document as a prefix: the base asks itself about a handbook and answers with a part of it in front; a short prefix
// learns to answer without it.
//
//   dotnet run --project samples/DocumentPrefix -c Release              most of an hour on two cores
//   dotnet run --project samples/DocumentPrefix -c Release -- --short   two minutes, of the first sections alone: too
//                                                                       short to learn well

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Samples.DocumentPrefix;

bool isShort = args.Contains("--short");
string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "data", "handbook.txt"));
if (isShort)
    document = document[..document.IndexOf("3. Fog", StringComparison.Ordinal)];
var mlContext = new MLContext(seed: 1);

// 1. Self-study: questions about each part, and answers with the part in front. The chat template makes a question of
// the user of each, as the base was taught.
string template = SmolLM2.Instruct135M.OpenChatTemplate();
Console.WriteLine("The base writes questions and answers about the handbook ...");
IReadOnlyList<StudyRow> rows = SelfStudy.Write(SmolLM2.Instruct135M, document, new SelfStudyOptions
{
    Template = template,
    TokensPerPart = 256,
    QuestionsPerPart = isShort ? 3 : 24,
    MaxAnswerTokens = isShort ? 24 : 64,
    Progress = progress => Console.WriteLine(
        $"part {progress.Parts} of {progress.TotalParts}: {progress.Rows} questions answered"),
});
foreach (StudyRow row in rows.Take(3))
    Console.WriteLine($"  {row.Question} | {row.Answer.ReplaceLineEndings(" ")}");

// 2. A prefix that starts as the first tokens of the document and is trained to say what the base says with the part in
// front: rows carry their part, so the document may be longer than the base's window.
var estimator = mlContext.Transforms.Text.DistillPrefix("Reply", nameof(StudyRow.Question), SmolLM2.Instruct135M,
    PrefixTeacher.FromColumn(nameof(StudyRow.Part)), new DistillationOptions
    {
        ContinuationColumnName = nameof(StudyRow.Answer),
        Student = new PrefixTuningOptions
        {
            Template = template,
            Prefix = new PrefixOptions { Length = 64 },
            Training = new TrainingOptions
            {
                MaxEpochs = isShort ? 1 : 8,
                Progress = progress =>
                {
                    if (progress.Step % 10 == 0 || progress.Step == progress.TotalSteps)
                        Console.WriteLine($"step {progress.Step}/{progress.TotalSteps}, divergence {progress.Loss:F3}");
                },
            },
            Generation = new GenerationOptions { MaxNewTokens = 48 },
        },
    });
using PrefixTuningTransformer model = estimator.Fit(mlContext.Data.LoadFromEnumerable(rows));
TrainingSummary summary = model.TrainingSummary!;
int tokens = SmolLM2.Instruct135M.OpenTokenizer().CountTokens(document);
Console.WriteLine($"A document of {tokens} tokens as a prefix of {model.Prefix!.Length}: divergence on rows held out"
    + $" {summary.StartLoss:F3} at the start, {summary.BestLoss ?? summary.StartLoss:F3} now.");

// 3. Questions of a reader, answered by the base alone and with the prefix.
IDataView asked = mlContext.Data.LoadFromEnumerable(new[]
{
    new Asked { Question = "What is the horn's engine called?" },
    new Asked { Question = "What does a yellow flag mean?" },
    new Asked { Question = "Who built the lighthouse of Harrow Sound?" },
});
using PrefixTuningTransformer alone = mlContext.Transforms.Text.GenerateText("Reply", nameof(Asked.Question),
    SmolLM2.Instruct135M, options: new TextGenerationOptions
    {
        Template = template,
        Generation = new GenerationOptions { MaxNewTokens = 48 },
    }).Fit(asked);
foreach ((Asked before, Asked after) in Replies(alone).Zip(Replies(model)))
{
    Console.WriteLine();
    Console.WriteLine($"question  {before.Question}");
    Console.WriteLine($"base      {before.Reply.ReplaceLineEndings(" ")}");
    Console.WriteLine($"prefix    {after.Reply.ReplaceLineEndings(" ")}");
}

IEnumerable<Asked> Replies(ITransformer transformer) =>
    mlContext.Data.CreateEnumerable<Asked>(transformer.Transform(asked), reuseRowObject: false);
