using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>
/// A tensor over a managed array lies where the collector put the array, and products of it end in another last bit
/// from one run to the next: <see cref="AlignedTensor"/> alone makes tensors of managed float32 numbers.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class AlignedTensorTests
{
    private const byte Call = 0x28;

    [TestMethod]
    public void Of_Numbers_LiesWhereTorchAlignsIt()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        for (int count = 1; count < 40; count++)
        {
            float[] numbers = [.. Enumerable.Range(0, count).Select(i => (float)i)];
            torch.Tensor made = AlignedTensor.Of(numbers, [count], torch.CPU);
            Assert.AreEqual(0, Address(made) % 64);
            CollectionAssert.AreEqual(numbers, made.data<float>().ToArray());
        }
        Assert.AreEqual(torch.ScalarType.BFloat16,
            AlignedTensor.Of([1, 2], [2, 1], torch.CPU, torch.ScalarType.BFloat16).dtype);
    }

    [TestMethod]
    [DataRow(typeof(PrefixTuningEstimator))]
    [DataRow(typeof(PrefixTuning.SmallBart.Training.FullTrainer))]
    public void Assembly_MakesTensorsOfNumbersInOnePlace(Type anyOf)
    {
        Module module = anyOf.Module;
        using var file = new PEReader(File.OpenRead(anyOf.Assembly.Location));
        MetadataReader reader = file.GetMetadataReader();
        int[] banned = [.. reader.MemberReferences.Where(handle =>
                reader.GetString(reader.GetMemberReference(handle).Name) == nameof(torch.tensor))
            .Select(handle => MetadataTokens.GetToken(handle)).Where(token => TakesNumbers(module, token))];
        string[] found = [.. reader.MethodDefinitions.Select(reader.GetMethodDefinition)
            .Where(method => method.RelativeVirtualAddress != 0)
            .Where(method => Calls(file.GetMethodBody(method.RelativeVirtualAddress).GetILBytes()!, banned))
            .Select(method => reader.GetString(reader.GetTypeDefinition(method.GetDeclaringType()).Name))
            .Where(type => type != nameof(AlignedTensor)).Distinct()];
        Assert.AreEqual("", string.Join(", ", found));
    }

    private static bool Calls(byte[] code, int[] banned) => Enumerable.Range(0, Math.Max(0, code.Length - 4))
        .Any(at => code[at] == Call && banned.Contains(BitConverter.ToInt32(code, at + 1)));

    private static bool TakesNumbers(Module module, int token) => module.ResolveMethod(token)!.GetParameters()
        .Any(parameter => parameter.ParameterType == typeof(float[])
            || (parameter.ParameterType.IsGenericType && parameter.ParameterType.GenericTypeArguments is [var of]
                && of == typeof(float)));

    private static unsafe long Address(torch.Tensor tensor)
    {
        fixed (byte* first = tensor.bytes)
            return (long)first;
    }
}
