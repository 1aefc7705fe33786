using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>What a child process does with a generator; its output is what the parent reads.</summary>
internal static class ServingChild
{
    /// <summary>Verb: serves some hundred requests over a base, and tells what that left behind.</summary>
    public const string Serve = "serve-requests";

    public static void ServeRequests(string path)
    {
        BaseModel model = BaseModel.FromFolder(path);
        // What a process makes once: constants, and what loading leaves to the finalizer.
        ServeAndDispose(model);
        long before = Live();
        ServeAndDispose(model);
        Console.WriteLine($"{Live() - before} tensors");
    }

    private static void ServeAndDispose(BaseModel model)
    {
        using TextGenerator generator = model.CreateGenerator(options: new TextGeneratorOptions { MaxRows = 5 });
        Task.WaitAll([.. Enumerable.Range(0, 200).Select(number => Request(generator, number))]);
    }

    private static async Task Request(TextGenerator generator, int number)
    {
        using var source = new CancellationTokenSource();
        var request = new TextRequest
        {
            Text = $"name : Venue {number}",
            Generation = new() { MaxNewTokens = 6, Decoding = number % 5 == 0 ? Decoding.Beam(2) : Decoding.Greedy },
        };
        try
        {
            if (number % 5 == 0)
            {
                await generator.GenerateAsync(request);
                return;
            }
            await foreach (TextPiece _ in generator.StreamAsync(request, source.Token))
            {
                if (number % 7 == 0)
                    await source.CancelAsync();
            }
        }
        catch (OperationCanceledException) when (number % 7 == 0)
        {
        }
    }

    private static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return torch.Tensor.TotalCount;
    }
}
