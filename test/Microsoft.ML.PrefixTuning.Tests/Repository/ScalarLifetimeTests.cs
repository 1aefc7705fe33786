using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>
/// TorchSharp hands a scalar's address to native code and forgets the scalar: one that nothing else holds may be
/// finalized under the running operation ("Expected false to be true, but got false"), some hours into a training. So
/// the library makes no implicit scalars, and does not use the sums that make one (alpha, 1) behind its back.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ScalarLifetimeTests
{
    private const byte Call = 0x28, CallVirtual = 0x6F;

    [TestMethod]
    [DataRow(typeof(MLContext), false)]
    [DataRow(typeof(PrefixTuningEstimator), true)]
    [DataRow(typeof(PrefixTuning.SmallBart.Training.FullTrainer), true)]
    public void Assembly_MakesNoScalarThatNobodyHolds(Type anyOf, bool usesTorch)
    {
        using var file = new PEReader(File.OpenRead(anyOf.Assembly.Location));
        MetadataReader reader = file.GetMetadataReader();
        Assert.AreEqual(usesTorch, reader.MemberReferences.Any(member =>
            TypeOf(reader, member) == nameof(torch.Tensor)), "the reader sees calls of tensors");
        Dictionary<int, string> banned = reader.MemberReferences.Where(member => IsBanned(reader, member))
            .ToDictionary(member => MetadataTokens.GetToken(member), member =>
                reader.GetString(reader.GetMemberReference(member).Name));
        IEnumerable<string> found = reader.MethodDefinitions.SelectMany(handle =>
        {
            MethodDefinition method = reader.GetMethodDefinition(handle);
            if (method.RelativeVirtualAddress == 0)
                return [];
            byte[] code = file.GetMethodBody(method.RelativeVirtualAddress).GetILBytes()!;
            TypeDefinition declaring = reader.GetTypeDefinition(method.GetDeclaringType());
            string name = $"{reader.GetString(declaring.Name)}.{reader.GetString(method.Name)}";
            return Enumerable.Range(0, Math.Max(0, code.Length - 4)).Where(at => code[at] is Call or CallVirtual)
                .Select(at => banned.GetValueOrDefault(BitConverter.ToInt32(code, at + 1))).OfType<string>()
                    .Select(member => $"{name}: {member}");
        });
        Assert.AreEqual("", string.Join("\n", found));
    }

    private static bool IsBanned(MetadataReader reader, MemberReferenceHandle handle)
    {
        MemberReference member = reader.GetMemberReference(handle);
        return (TypeOf(reader, handle), reader.GetString(member.Name)) switch
        {
            (nameof(Scalar), "op_Implicit") or (nameof(torch.Tensor), "op_Addition") => true,
            (nameof(torch.Tensor), nameof(torch.Tensor.add) or nameof(torch.Tensor.add_)) =>
                Parameters(reader, member) == 1,
            _ => false,
        };
    }

    private static string? TypeOf(MetadataReader reader, MemberReferenceHandle handle) =>
        reader.GetMemberReference(handle).Parent is { Kind: HandleKind.TypeReference } parent
            ? reader.GetString(reader.GetTypeReference((TypeReferenceHandle)parent).Name) : null;

    private static int Parameters(MetadataReader reader, MemberReference member)
    {
        BlobReader signature = reader.GetBlobReader(member.Signature);
        _ = signature.ReadSignatureHeader();
        return signature.ReadCompressedInteger();
    }
}
