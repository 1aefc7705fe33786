using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.ModelFormat;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Loads saved models, whose other steps may need what this tool has not.</summary>
internal static class ModelLoading
{
    /// <summary>Loads a model.</summary>
    /// <exception cref="FileNotFoundException">It is not there, or is a folder.</exception>
    /// <exception cref="FormatException">
    /// It is broken, or one of its steps belongs to an assembly that is not here.
    /// </exception>
    public static ITransformer Load(MLContext mlContext, string path)
    {
        SavedModelFile.CheckThere(path);
        try
        {
            return mlContext.Model.Load(path, out _);
        }
        catch (Exception fault) when (Causes(fault).Select(AssemblyOf).OfType<string>().FirstOrDefault() is { } name)
        {
            throw new FormatException(
                $"{Path.GetFileName(path)}: a step of the model needs the assembly '{name}', which "
                + "this tool does not have: use the model in an application that references it.", fault);
        }
        // What ML.NET itself finds broken has no name.
        catch (FormatException fault) when (fault.Source is not { } source
            || !source.StartsWith(typeof(Prefix).Assembly.GetName().Name!, StringComparison.Ordinal))
        {
            throw new FormatException(
                $"{Path.GetFileName(path)}: expected a saved model, found a broken one: {fault.Message}", fault);
        }
    }

    private static IEnumerable<Exception> Causes(Exception fault)
    {
        for (Exception? cause = fault; cause is not null; cause = cause.InnerException)
            yield return cause;
    }

    // A missing assembly is a missing file whose name is an assembly's full one.
    private static string? AssemblyOf(Exception fault)
    {
        string? file = fault switch
        {
            FileNotFoundException missing => missing.FileName,
            FileLoadException broken => broken.FileName,
            BadImageFormatException broken => broken.FileName,
            ReflectionTypeLoadException { LoaderExceptions: [FileNotFoundException missing, ..] } => missing.FileName,
            _ => null,
        };
        return file?.Contains(", Version=", StringComparison.Ordinal) == true ? new AssemblyName(file).Name : null;
    }
}
