using System;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        switch (arguments is [var first, ..] ? first : "")
        {
            case "calibrate":
                Calibration.Measure();
                return 0;
            case "generate":
                GenerateBenchmark.Measure(arguments[1..]);
                return 0;
            case "load":
                SafeTensorsLoadBenchmark.Run();
                return 0;
            default:
                Console.Error.WriteLine("usage: -- calibrate | train | generate | load");
                return 1;
        }
    }
}
