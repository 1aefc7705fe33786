using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>State, parameters, moments and best prefix to their stored form and back.</summary>
internal static class TrainingStateCodec
{
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
        var stored = new StoredState(TrainingSignature.Of(run), state);
        return new StateContent(JsonSerializer.Serialize(stored, Json), tensors);
    }

    /// <summary>Puts parameters, moments and means back and gives the rest.</summary>
    /// <param name="run">The run, whose signature must be the stored one.</param>
    /// <param name="content">The stored form.</param>
    /// <param name="moved">Takes parameters, moments and means, by name.</param>
    /// <exception cref="InvalidOperationException">The state belongs to another run.</exception>
    /// <exception cref="FormatException">The state contradicts itself.</exception>
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
            return JsonSerializer.Deserialize<StoredState>(json, Json) is
            {
                Signature: not null,
                State: not null
            } stored
                ? stored : throw new FormatException($"{path}: expected the state of a training, found none.");
        }
        catch (JsonException exception)
        {
            throw new FormatException($"{path}: expected the state of a training, found other JSON.", exception);
        }
    }

    private static void CheckSignature(string path, IReadOnlyList<KeyValuePair<string, string>> saved,
        IReadOnlyList<KeyValuePair<string, string>> given)
    {
        foreach ((string field, string value) in given)
        {
            string found = saved.FirstOrDefault(pair => pair.Key == field).Value ?? "nothing";
            if (found != value)
            {
                throw new InvalidOperationException(
                    $"{path}: it holds the state of another training: {field}: saved {found}, given {value}."
                    + " Restore what was given then, or name another TrainingOptions.StateFile.");
            }
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

    private sealed record StoredState(IReadOnlyList<KeyValuePair<string, string>> Signature, TrainingState State);
}
