using System;
using System.Collections;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.ModelFormat;

/// <summary>
/// Brings the reason why a model entry was refused out of <c>mlContext.Model.Load</c> as it was thrown.
/// </summary>
/// <remarks>
/// ML.NET calls a transformer's <c>Create</c> by reflection, once more for every chain around it, and each call would
/// wrap the reason into a <see cref="TargetInvocationException"/> without a word about it. Before ML.NET passes that
/// one on, it asks the inner exception's <see cref="Data"/> for a mark: there the reason takes its place. Should a
/// later version not ask, the wrapped exception arrives, with the reason inside. ML.NET 5.0.1 needs this: without it
/// <c>SavingTests.Load_OfAlteredEntry_IsRefusedByName</c> fails.
/// </remarks>
internal sealed class LoadRefusal : Exception
{
    private readonly Exception _reason;
    private readonly int _wrappers;

    private LoadRefusal(Exception reason, int wrappers) : base(reason.Message, reason)
    {
        _reason = reason;
        _wrappers = wrappers;
    }

    /// <summary>
    /// Asked for by ML.NET: throws the reason, or itself where a further call by reflection is around.
    /// </summary>
    public override IDictionary Data
    {
        get
        {
            if (new StackFrame(1).GetMethod()?.DeclaringType?.Assembly != typeof(IHostEnvironment).Assembly)
                return base.Data;
            if (_wrappers > 1)
                throw new LoadRefusal(_reason, _wrappers - 1);
            ExceptionDispatchInfo.Throw(_reason);
            return base.Data;
        }
    }

    /// <summary>Reads what a transformer's <c>Create</c> has to read.</summary>
    public static T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception reason)
        {
            int wrappers = new StackTrace().GetFrames().Count(frame => IsLoader(frame.GetMethod()));
            if (wrappers == 0)
                throw;
            throw new LoadRefusal(reason, wrappers);
        }
    }

    private static bool IsLoader(MethodBase? method) => method?.Name == "CreateInstanceCore"
        && method.DeclaringType?.Assembly == typeof(IHostEnvironment).Assembly;
}
