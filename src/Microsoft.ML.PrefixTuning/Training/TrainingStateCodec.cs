using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>State, parameters, moments and best prefix to their stored form and back.</summary>
internal static class TrainingStateCodec
{
    // *** Version 1: names and texts taken from the code, the seed nowhere; its states are refused.
    // *** Version 2: the signature as a list of named values.
    private const int Version = 2;

    private static readonly JsonSerializerOptions Json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>The stored form.</summary>
    /// <param name="run">The run, for its signature.</param>
    /// <param name="state">Where it stands.</param>
    /// <param name="moved">Parameters, moments and means by name.</param>
    /// <param name="best">The best prefix of every group.</param>
    public static StateContent Encode(TrainingRun run, TrainingState state, IEnumerable<KeyValuePair<string,
        Tensor>> moved, IReadOnlyList<Prefix> best)
    {
        var tensors = new Dictionary<string, StateTensor>();
        foreach ((string name, Tensor tensor) in moved)
            tensors.Add(name, new StateTensor(tensor.shape, tensor.detach().cpu().data<float>().ToArray()));
        for (int group = 0; group < best.Count; group++)
        {
            foreach ((AttentionSite site, SitePrefix part) in best[group].Parts)
                tensors.Add($"best.{group}.{site}", new StateTensor(part.Shape, part.Values));
        }
        var stored = new StoredState(Version, TrainingSignature.Of(run).ToString(), state);
        return new StateContent(JsonSerializer.Serialize(stored, Json), tensors);
    }

    /// <summary>Puts parameters, moments and means back and gives the rest.</summary>
    /// <param name="run">The run, whose signature must be the stored one.</param>
    /// <param name="content">The stored form.</param>
    /// <param name="moved">Takes parameters, moments and means, by name.</param>
    /// <exception cref="InvalidOperationException">The state belongs to another run.</exception>
    /// <exception cref="FormatException">The state contradicts itself.</exception>
    /// <exception cref="NotSupportedException">The state is of another format.</exception>
    public static (TrainingState State, Prefix[] Best) Decode(TrainingRun run, StateContent content,
        IEnumerable<KeyValuePair<string, Tensor>> moved)
    {
        string path = run.State!.Path;
        StoredState stored = Parse(path, content.Json);
        CheckSignature(path, stored.Signature, TrainingSignature.Of(run));
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach ((string name, Tensor target) in moved)
        {
            StateTensor found = Find(path, content, name, target.shape);
            target.copy_(tensor(found.Values, found.Shape));
        }
        IReadOnlyDictionary<AttentionSite, Tensor> sites = run.Parametrization.Materialize();
        var best = new Prefix[run.Parametrization.Groups];
        for (int group = 0; group < best.Length; group++)
        {
            Prefix like = run.Parametrization.Bake(sites, group);
            best[group] = new Prefix(like.Parts.Select(part => KeyValuePair.Create(part.Key,
                part.Value with { Values = Find(path, content, $"best.{group}.{part.Key}", part.Value.Shape).Values })),
                    like.Convention);
        }
        return (stored.State, best);
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

    private static void CheckSignature(string path, string saved, NamedValues given)
    {
        NamedValues found;
        try
        {
            found = NamedValues.Parse(saved);
        }
        catch (FormatException fault)
        {
            throw new FormatException($"{path}: signature: {fault.Message}.", fault);
        }
        if (found.Difference(given, "saved", "given") is { } difference)
        {
            throw new InvalidOperationException(
                $"{path}: it holds the state of another training: {difference}."
                + " Restore what was given then, or name another TrainingOptions.StateFile.");
        }
    }

    private static StateTensor Find(string path, StateContent content, string name, long[] shape)
    {
        if (!content.Tensors.TryGetValue(name, out StateTensor? found))
            throw new FormatException(
                $"{path}: tensor '{name}': expected shape [{string.Join(", ", shape)}], found no such tensor.");
        if (!found.Shape.SequenceEqual(shape))
            throw new FormatException(
                $"{path}: tensor '{name}': expected shape [{string.Join(", ", shape)}], found "
                + $"[{string.Join(", ", found.Shape)}].");
        return found;
    }

    /// <param name="Version">Version of the format.</param>
    /// <param name="Signature">Canonical text of <see cref="TrainingSignature"/>.</param>
    /// <param name="State">Where the training stands.</param>
    private sealed record StoredState(int Version, string Signature, TrainingState State);
}
