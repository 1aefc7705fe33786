using System;
using System.Globalization;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>On which device a base runs, decided as ML.NET's own deep-learning trainers do it.</summary>
internal static class DeviceChoice
{
    /// <summary>
    /// The named device, or the one that <c>MLContext.GpuDeviceId</c> and <c>FallbackToCpu</c> ask for.
    /// </summary>
    /// <param name="environment">The environment of the catalog.</param>
    /// <param name="named">Name of a device, or null.</param>
    /// <exception cref="InvalidOperationException">The device is not there and the CPU may not stand in.</exception>
    public static torch.Device Choose(IHostEnvironment environment, string? named)
    {
        if (named is not null)
            return Named(named);
        NativeLibrary.Require();
        if (MlNetInternals.GetGpuDeviceId(environment) is not int id)
            return torch.CPU;
        if (torch.cuda.is_available() && id < torch.cuda.device_count())
            return torch.device($"cuda:{id}");
        const string Remedy =
            "The application must reference a TorchSharp backend for it, such as TorchSharp-cuda-linux.";
        if (!MlNetInternals.GetFallbackToCpu(environment))
        {
            throw new InvalidOperationException(
                $"MLContext.GpuDeviceId is {id} and FallbackToCpu is false, but no such GPU was found. {Remedy}");
        }
        using IChannel channel = environment.Start("Device");
        channel.Warning(MessageSensitivity.None, "{0}",
            $"MLContext.GpuDeviceId is {id}, but no such GPU was found: the CPU stands in for it (FallbackToCpu)."
                + $" {Remedy}");
        return torch.CPU;
    }

    /// <summary>The device of a name.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public static torch.Device Named(string name)
    {
        NativeLibrary.Require();
        return name == "cpu" || IsThere(name) ? torch.device(name)
            : throw new InvalidOperationException(
                $"Device '{name}': not found. The application must reference a TorchSharp backend for it, such"
                    + " as TorchSharp-cuda-linux, on a machine that has one.");
    }

    private static bool IsThere(string device) => device == "mps" ? torch.mps_is_available()
        : torch.cuda.is_available() && (device == "cuda"
            || int.Parse(device.AsSpan(5), CultureInfo.InvariantCulture) < torch.cuda.device_count());
}
