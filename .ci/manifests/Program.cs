using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using k8s;
using k8s.Models;

// Reads the manifests of a folder with the models of Kubernetes, strictly: a field that is misspelt or stands at a
// wrong place is a fault. Where a Job runs parts, as many as it has indexes are named in its command.
var kinds = new Dictionary<string, Type> { ["kubeflow.org/v2beta1/MPIJob"] = typeof(MpiJob) };
int faults = 0;
foreach (string path in Directory.EnumerateFiles(args[0], "*.yaml").Order(StringComparer.Ordinal))
{
    try
    {
        foreach (object found in KubernetesYaml.LoadAllFromString(File.ReadAllText(path), kinds, strict: true))
        {
            Check(found);
            Console.WriteLine($"{Path.GetFileName(path)}: {found.GetType().Name}");
        }
    }
    catch (Exception fault)
    {
        faults++;
        Console.Error.WriteLine($"{path}: {fault.Message} {fault.InnerException?.Message}");
    }
}
return faults == 0 ? 0 : 1;

static void Check(object found)
{
    if (found is not V1Job job)
        return;
    string ending = $"/{job.Spec.Completions}";
    foreach (V1Container container in job.Spec.Template.Spec.Containers)
    {
        int shard = container.Args.IndexOf("--shard");
        if (shard < 0 || !container.Args[shard + 1].EndsWith(ending, StringComparison.Ordinal))
            throw new FormatException($"{container.Name}: expected --shard with {ending}, the Job's completions.");
    }
}

/// <summary>A job of the MPI Operator; its models are not Kubernetes' own.</summary>
internal sealed class MpiJob : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public MpiJobSpec Spec { get; set; } = new();
}

internal sealed class MpiJobSpec
{
    public int? SlotsPerWorker { get; set; }

    public string? SshAuthMountPath { get; set; }

    public MpiRunPolicy? RunPolicy { get; set; }

    public Dictionary<string, MpiReplicaSpec> MpiReplicaSpecs { get; set; } = [];
}

internal sealed class MpiRunPolicy
{
    public string? CleanPodPolicy { get; set; }

    public int? BackoffLimit { get; set; }
}

internal sealed class MpiReplicaSpec
{
    public int? Replicas { get; set; }

    public V1PodTemplateSpec Template { get; set; } = new();
}
