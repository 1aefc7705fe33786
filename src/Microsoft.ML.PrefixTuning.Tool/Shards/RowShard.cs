using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>One of several parts of a table: rows next to each other, as many in each but for one.</summary>
/// <param name="Index">Which one, from 0.</param>
/// <param name="Count">How many there are.</param>
internal sealed record RowShard(int Index, int Count)
{
    /// <summary>
    /// The most parts that there can be: as many as any scheduler takes, and few enough to look at each.
    /// </summary>
    public const int Most = 1_000_000;

    private const string Expected = "I/N with I from 0 to N - 1 and N up to 1000000, slurm, slurm/N or kubernetes/N";

    /// <summary>Reads what was typed.</summary>
    /// <param name="text">A part such as 3/16, or who says which one: a scheduler, by its variables.</param>
    /// <param name="variable">Reads a variable of the environment; null where there is none.</param>
    /// <exception cref="UsageException">It is none, or the scheduler does not say it.</exception>
    public static RowShard Parse(string text, Func<string, string?> variable)
    {
        string[] parts = text.Split('/');
        int index = parts[0] switch
        {
            "slurm" => Read("SLURM_ARRAY_TASK_ID"),
            "kubernetes" => Read("JOB_COMPLETION_INDEX"),
            string number => Number(number) ?? throw Fault($"'{text}'"),
        };
        int count = parts switch
        {
            [_, var number] => Number(number) ?? throw Fault($"'{text}'"),
            ["slurm"] => CountOfArray(),
            _ => throw Fault($"'{text}'"),
        };
        return index < count && count <= Most ? new RowShard(index, count) : throw Fault($"part {index} of {count}");

        int Read(string name) => Number(variable(name)) ?? throw new UsageException(
            $"--shard: expected the part's number in {name}, found {variable(name) ?? "no such variable"}.");

        int CountOfArray()
        {
            int tasks = Read("SLURM_ARRAY_TASK_COUNT");
            // An array of a few tasks that are to be done again does not say how many parts there are.
            return Read("SLURM_ARRAY_TASK_MIN") == 0 && Read("SLURM_ARRAY_TASK_MAX") == tasks - 1 ? tasks
                : throw new UsageException("--shard slurm: expected an array of all parts, from 0 on, found some of"
                    + " them; name how many parts there are: --shard slurm/N.");
        }

        static UsageException Fault(string found) => new($"--shard: expected {Expected}, found {found}.");
    }

    /// <summary>The part's own file beside the whole one, such as <c>out-00003-of-00016.csv</c>.</summary>
    public string PathOf(string whole) => Path.Combine(Path.GetDirectoryName(whole) ?? "", string.Create(
        CultureInfo.InvariantCulture,
        $"{Path.GetFileNameWithoutExtension(whole)}-{Index:D5}-of-{Count:D5}{Path.GetExtension(whole)}"));

    /// <summary>The part's rows of a table: the first one, and the first one behind them, from 0.</summary>
    public (long First, long End) RowsOf(long rows) =>
        ((long)((Int128)rows * Index / Count), (long)((Int128)rows * (Index + 1) / Count));

    /// <summary>All parts.</summary>
    public static IEnumerable<RowShard> All(int count) =>
        Enumerable.Range(0, count).Select(index => new RowShard(index, count));

    /// <summary>Numbers in order as a scheduler takes them, such as 3,7-9.</summary>
    public static string Ranges(IReadOnlyList<int> numbers)
    {
        var parts = new List<string>();
        for (int i = 0; i < numbers.Count; i++)
        {
            int first = numbers[i];
            while (i + 1 < numbers.Count && numbers[i + 1] == numbers[i] + 1)
                i++;
            parts.Add(first == numbers[i] ? $"{first}" : $"{first}-{numbers[i]}");
        }
        return string.Join(',', parts);
    }

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
}
