using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>
/// The code of README, docs and packages, compiled; each method has what a block leaves to its reader as parameters.
/// <see cref="DocumentsTests"/> compares the two but for white space. Nothing here is run.
/// </summary>
internal static class DocumentSnippets
{
    public static void Service(MLContext mlContext)
    {
        using PrefixTuningTransformer model = (PrefixTuningTransformer)mlContext.Model.Load("describe.zip", out _);
        var options = new PredictionEngineOptions { OwnsTransformer = false };
        using var engine = mlContext.Model.CreatePredictionEngine<Venue, Description>(model, options);
    }

    public static async Task Serving(string facts, string article)
    {
        using TextGenerator generator = SmolLM2.Instruct135M.CreateGenerator(new Dictionary<string, Prefix>
        {
            ["describe"] = Prefix.Load("describe.safetensors"),
            ["shorten"] = Prefix.Load("shorten.safetensors"),
        });

        TextResult result = await generator.GenerateAsync(new TextRequest { Text = facts, Prefix = "describe" });

        await foreach (TextPiece piece in generator.StreamAsync(new TextRequest { Text = article, Prefix = "shorten" }))
            Console.Write(piece.Text);
    }

    public static void ChatTemplate()
    {
        var options = new PrefixTuningOptions { Template = SmolLM2.Instruct135M.OpenChatTemplate() };
    }

    public static void LongDocument(MLContext mlContext)
    {
        string template = SmolLM2.Instruct135M.OpenChatTemplate();
        IReadOnlyList<StudyRow> rows = SelfStudy.Write(SmolLM2.Instruct135M, File.ReadAllText("handbook.txt"),
            new SelfStudyOptions { Template = template, QuestionsPerPart = 24 });
        using PrefixTuningTransformer model = mlContext.Transforms.Text.DistillPrefix("Reply",
            nameof(StudyRow.Question), SmolLM2.Instruct135M, PrefixTeacher.FromColumn(nameof(StudyRow.Part)),
            new DistillationOptions
            {
                ContinuationColumnName = nameof(StudyRow.Answer),
                Student = new PrefixTuningOptions { Template = template, Prefix = new PrefixOptions { Length = 128 } },
            }).Fit(mlContext.Data.LoadFromEnumerable(rows));
    }

    public static async Task Chats(TextGenerator generator, IDistributedCache cache, ILoggerFactory loggerFactory,
        string facts)
    {
        IChatClient client = new ChatClientBuilder(generator.AsChatClient("describe"))
            .UseDistributedCache(cache).UseLogging(loggerFactory).UseOpenTelemetry().Build();

        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(facts,
            new ChatOptions { ModelId = "shorten" }))
            Console.Write(update.Text);
    }

    public static async Task ChatPackage()
    {
        using TextGenerator generator = SmolLM2.Instruct135M.CreateGenerator(new Dictionary<string, Prefix>
        {
            ["describe"] = Prefix.Load("describe.safetensors"),
        });
        IChatClient client = generator.AsChatClient();
        ChatResponse response = await client.GetResponseAsync("name : The Vaults | food : French",
            new ChatOptions { ModelId = "describe", MaxOutputTokens = 60 });
    }

    public static void LlamaCpp()
    {
        using TextGenerator generator = LlamaCppGenerator.FromGguf("model-Q4_K_M.gguf", new Dictionary<string, Prefix>
        {
            ["describe"] = Prefix.Load("describe.safetensors"),
        });
    }

    public static async Task LlamaCppPackage()
    {
        using TextGenerator generator = LlamaCppGenerator.FromGguf("model-Q4_K_M.gguf", new Dictionary<string, Prefix>
        {
            ["describe"] = Prefix.Load("describe.safetensors"),
        });
        TextResult result = await generator.GenerateAsync(
            new TextRequest { Text = "name : The Vaults | food : French", Prefix = "describe" });
    }

    public static void SmolLM2Package()
    {
        var mlContext = new MLContext(seed: 1);
        var pipeline = mlContext.Transforms.Text.PrefixTune(
            outputColumnName: "Description", inputColumnName: "Facts", labelColumnName: "Reference",
            baseModel: SmolLM2.Instruct135M);
    }

    public static void LibraryPackage()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView rows = mlContext.Data.LoadFromTextFile<Venue>("venues.tsv", hasHeader: true);
        using PrefixTuningTransformer model = mlContext.Transforms.Text.PrefixTune(
            outputColumnName: "Description", inputColumnName: "Facts", labelColumnName: "Reference",
            baseModel: BaseModel.FromFolder("models/my-base")).Fit(rows);
        IDataView described = model.Transform(rows);
        mlContext.Model.SaveAtomically(model, rows.Schema, "describe.zip");
    }

    public static int Workers()
    {
        return MpiWorkers.Run(workers =>
        {
            var mlContext = new MLContext();
            IDataView rows = mlContext.Data.LoadFromTextFile<Venue>("venues.tsv", hasHeader: true);
            var options = new PrefixTuningOptions
            {
                Training = new TrainingOptions { BatchSize = 4, GradientAccumulation = 4, Workers = workers },
            };
            using PrefixTuningTransformer model = mlContext.Transforms.Text
                .PrefixTune("Description", "Facts", "Reference", SmolLM2.Instruct135M, options).Fit(rows);
            if (workers.IsFirst)
                mlContext.Model.SaveAtomically(model, rows.Schema, "describe.zip");
            return 0;
        });
    }

    public static void Sweeps(MLContext mlContext, IDataView rows)
    {
        SweepResults results = mlContext.TextGeneration.Sweep(rows, new PrefixSweep
        {
            OutputColumnName = "Description",
            InputColumnName = "Facts",
            LabelColumnName = "Reference",
            BaseModel = SmolLM2.Instruct135M,
            Folder = "lengths",
            Seeds = [1, 2, 3],
            Candidates =
            [
                .. from length in new[] { 5, 10, 20 }
                   from rate in new[] { 0.01, 0.02 }
                   select new SweepCandidate($"{length} tokens, rate {rate}", new PrefixTuningOptions
                   {
                       Prefix = new PrefixOptions { Length = length },
                       Training = new TrainingOptions { LearningRate = rate },
                   }),
            ],
        });
        Console.WriteLine(
            $"{results.Candidates[0].Name}: {results.Candidates[0].HeldOutLoss!.Mean:F3}, {results.BestModel}");
    }

    public static void Log(MLContext mlContext, ILoggerFactory loggers)
    {
        using IDisposable forwarding = mlContext.LogTo(loggers);
    }

    public static void Configured(IHostApplicationBuilder builder)
    {
        builder.Services.AddTextGenerator(SmolLM2.Instruct135M, builder.Configuration.GetSection("PrefixTuning"));
    }

    public static void ReadOptions(IConfiguration configuration)
    {
        PrefixTuningOptions options = configuration.GetSection("PrefixTuning").ReadOptions<PrefixTuningOptions>();
    }

    public static void FoundBase(MLContext mlContext)
    {
        ITransformer model = mlContext.Model.Load("describe.zip", out _,
            needed => Path.Combine("/models", needed.Name));
    }

    public static void Threads(MLContext mlContext)
    {
        using var loaded = (PrefixTuningTransformer)mlContext.Model.Load("describe.zip", out _);
        using PrefixTuningTransformer single = loaded.WithThreads(1);
    }

    public static void Peft(BaseModel baseModel)
    {
        Prefix prefix = Prefix.FromPeft("my-adapter", baseModel);  // keys and values, or a prompt
        prefix.SaveAsPeft("for-python", baseModel, "HuggingFaceTB/SmolLM2-135M-Instruct");
    }

    private sealed class Venue
    {
        [LoadColumn(0)]
        public string Facts { get; set; } = "";

        [LoadColumn(1)]
        public string Reference { get; set; } = "";
    }

    private sealed class Description
    {
        [ColumnName("Description")]
        public string Text { get; set; } = "";
    }
}
