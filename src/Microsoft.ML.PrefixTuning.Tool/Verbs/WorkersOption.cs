using System;
using System.CommandLine;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>How processes that train together find each other; one is a worker, and the first one writes.</summary>
internal sealed class WorkersOption
{
    private const string Mpi = "mpi";

    private readonly Option<string> _option = new("--workers")
    {
        Description = "Train with the processes that mpirun, mpiexec or srun started: 'mpi'. The prefix is that of one"
            + " process; the first one writes.",
        HelpName = Mpi,
    };

    /// <summary>Adds the option to a command.</summary>
    public WorkersOption(Verb command)
    {
        _option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: not Mpi } other])
                result.AddError($"--workers: expected '{Mpi}', found '{other.Value}'.");
        });
        command.Options.Add(_option);
        command.Words.Add($"{nameof(PrefixTuningOptions.Training)}.{nameof(TrainingOptions.Workers)}", _option.Name);
    }

    /// <summary>Works, in all processes where the command line says so.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="console">That of this process.</param>
    /// <param name="work">
    /// The work; told of the workers, null where there are none, and where to write: all but the first are silent.
    /// </param>
    public int Run(ParseResult parsed, ToolConsole console, Func<MpiWorkers?, ToolConsole, int> work)
    {
        if (parsed.GetValue(_option) is null)
            return work(null, console);
        return MpiWorkers.Run(workers =>
        {
            int code = work(workers, workers.IsFirst ? console : Silent(console));
            // mpirun may end the others as soon as one has left with another code than 0.
            console.Out.Flush();
            return code;
        }, fault => ToolCommand.Tell(fault, parsed, console));
    }

    private static ToolConsole Silent(ToolConsole console) => new(console.In, TextWriter.Null, TextWriter.Null);
}
