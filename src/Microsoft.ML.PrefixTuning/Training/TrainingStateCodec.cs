using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>State, parameters, moments and the best so far to their stored form and back.</summary>
internal static class TrainingStateCodec
{
    // *** Version 1: names and texts taken from the code, the seed nowhere; its states are refused.
    // *** Version 2: the signature as a list of named values.
    private const int Version = 2;

    private const string BestPrefix = "best.";

    private static readonly JsonSerializerOptions Json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>The stored form.</summary>
    /// <param name="learner">What is trained, for its signature.</param>
    /// <param name="state">Where it stands.</param>
    /// <param name="moved">All that steps change, and the means, by name.</param>
    /// <param name="best">The best so far, by name.</param>
    public static StateContent Encode(Learner learner, TrainingState state,
        IEnumerable<KeyValuePair<string, Tensor>> moved, IReadOnlyDictionary<string, StateTensor> best)
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, StateTensor>();
        foreach ((string name, Tensor tensor) in moved)
        {
            float[] values = tensor.detach().cpu().to(ScalarType.Float32).data<float>().ToArray();
            tensors.Add(name, new StateTensor(tensor.shape, values));
        }
        foreach ((string name, StateTensor tensor) in best)
            tensors.Add(BestPrefix + name, tensor);
        var stored = new StoredState(Version, TrainingSignature.Of(learner).ToString(), state);
        return new StateContent(JsonSerializer.Serialize(stored, Json), tensors);
    }

    /// <summary>Puts back all that steps change, and the means, and gives the rest.</summary>
    /// <param name="learner">What is trained, whose signature must be the stored one.</param>
    /// <param name="content">The stored form.</param>
    /// <param name="moved">Takes all that steps change, and the means, by name.</param>
    /// <param name="start">Names and shapes of the best so far.</param>
    /// <exception cref="InvalidOperationException">The state belongs to another run.</exception>
    /// <exception cref="FormatException">The state contradicts itself.</exception>
    /// <exception cref="NotSupportedException">The state is of another format.</exception>
    public static (TrainingState State, IReadOnlyDictionary<string, StateTensor> Best) Decode(Learner learner,
        StateContent content, IEnumerable<KeyValuePair<string, Tensor>> moved,
        IReadOnlyDictionary<string, StateTensor> start)
    {
        string path = learner.Run.State!.Path;
        StoredState stored = Parse(path, content.Json);
        CheckSignature(path, Signature(path, stored), TrainingSignature.Of(learner));
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach ((string name, Tensor target) in moved)
        {
            StateTensor found = Find(path, content, name, target.shape);
            target.copy_(AlignedTensor.Of(found.Values, found.Shape, CPU));
        }
        Dictionary<string, StateTensor> best = start.ToDictionary(tensor => tensor.Key,
            tensor => Find(path, content, BestPrefix + tensor.Key, tensor.Value.Shape));
        return (stored.State, best);
    }

    /// <summary>The seed of a stored training.</summary>
    /// <param name="path">Where it is, for messages.</param>
    /// <param name="content">The stored form.</param>
    /// <exception cref="FormatException">The state contradicts itself.</exception>
    /// <exception cref="NotSupportedException">The state is of another format.</exception>
    public static int SeedOf(string path, StateContent content)
    {
        string? seed = Signature(path, Parse(path, content.Json))[TrainingSignature.SeedName];
        return int.TryParse(seed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number
            : throw new FormatException(
                $"{path}: signature: {TrainingSignature.SeedName}: expected a number, found {seed ?? "nothing"}.");
    }

    private static StoredState Parse(string path, string json)
    {
        try
        {
            var stored = JsonSerializer.Deserialize<JsonElement>(json, Json);
            CheckVersion(path, stored);
            return stored.Deserialize<StoredState>(Json) is { Signature: not null, State: not null } whole ? whole
                : throw new FormatException($"{path}: expected the state of a training, found none.");
        }
        catch (JsonException exception)
        {
            throw new FormatException($"{path}: expected the state of a training, found other JSON.", exception);
        }
    }

    private static void CheckVersion(string path, JsonElement stored)
    {
        if (stored.ValueKind != JsonValueKind.Object || !stored.TryGetProperty(nameof(StoredState.Signature), out _))
            throw new FormatException($"{path}: expected the state of a training, found other JSON.");
        // The first version had no number.
        bool hasNumber = stored.TryGetProperty(nameof(StoredState.Version), out JsonElement number);
        string version = hasNumber ? number.ToString() : "1";
        if (version != Version.ToString(CultureInfo.InvariantCulture))
        {
            throw new NotSupportedException(
                $"{path}: it holds the state of a training in format {version}, and only format {Version} is gone on"
                + " with here. Finish that training with the version of this library that began it, or remove the file"
                + " to start anew.");
        }
    }

    private static NamedValues Signature(string path, StoredState stored)
    {
        try
        {
            return NamedValues.Parse(stored.Signature);
        }
        catch (FormatException fault)
        {
            throw new FormatException($"{path}: signature: {fault.Message}.", fault);
        }
    }

    private static void CheckSignature(string path, NamedValues saved, NamedValues given)
    {
        if (TrainingSignature.ForMessages(saved).Difference(TrainingSignature.ForMessages(given), "saved", "given")
            is { } difference)
        {
            string rows = !TrainingSignature.IsOfRows(difference) ? ""
                : " Rows are compared as tokens: PrefixTuningOptions.Template and TrainingOptions.Truncation count.";
            throw new InvalidOperationException(
                $"{path}: it holds the state of another training: {difference}.{rows}"
                + " Restore what was given then, or name another TrainingOptions.StateFile.");
        }
    }

    private static StateTensor Find(string path, StateContent content, string name, long[] shape)
    {
        if (!content.Tensors.TryGetValue(name, out StateTensor? found))
            throw Fault("no such tensor");
        if (!found.Shape.SequenceEqual(shape))
            throw Fault($"[{string.Join(", ", found.Shape)}]");
        return found;

        FormatException Fault(string what) =>
            new($"{path}: tensor '{name}': expected shape [{string.Join(", ", shape)}], found {what}.");
    }

    /// <param name="Version">Version of the format.</param>
    /// <param name="Signature">Canonical text of <see cref="TrainingSignature"/>.</param>
    /// <param name="State">Where the training stands.</param>
    private sealed record StoredState(int Version, string Signature, TrainingState State);
}
