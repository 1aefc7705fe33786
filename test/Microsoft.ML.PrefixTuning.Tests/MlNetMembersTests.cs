using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>The members of ML.NET that the library needs are there, and the one that is not is named.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class MlNetMembersTests
{
    private static readonly Assembly Library = typeof(PrefixTuningTransformer).Assembly;

    [TestMethod]
    public void Missing_BesideTheVersionInUse_IsNothing() => Assert.IsNull(MlNetMembers.Missing);

    [TestMethod]
    public void References_OfTheLibrary_AreMembersOfMlNetThatAreNotPublicToo()
    {
        MemberInfo[] members =
            [.. MlNetMembers.References(Library).Select(token => Library.ManifestModule.ResolveMember(token)!)];
        foreach (MemberInfo member in members)
            Assert.StartsWith("Microsoft.ML.", member.Module.Assembly.GetName().Name);
        string[] names = [.. members.Select(member => $"{member.DeclaringType!.Name}.{member.Name}")];
        CollectionAssert.IsSubsetOf(
            new[] { "ModelSaveContext.CheckAtModel", "IHostEnvironmentInternal.get_Seed" },
            names);
    }

    [TestMethod]
    public void FindMissing_WhereEachMemberInTurnIsMissing_NamesIt()
    {
        foreach (int token in MlNetMembers.References(Library))
        {
            var asked = new List<int>();
            string? found = MlNetMembers.FindMissing(Library, Resolve);
            Assert.AreEqual($"no {token}", found);
            Assert.AreEqual(token, asked[^1]);

            object? Resolve(int other)
            {
                asked.Add(other);
                return other == token ? throw new MissingMethodException($"no {token}") : null;
            }
        }
    }

    [TestMethod]
    [DataRow(nameof(FieldThatIs), null)]
    [DataRow(nameof(FieldThatIsNot), "Field not found: 'Microsoft.ML.RepositoryReader._gone'.")]
    [DataRow(nameof(TypeThatIsNot), "Type not found: 'Microsoft.ML.Gone, Microsoft.ML.Core'.")]
    public void MissingField_OfAnAccessor_NamesFieldOrType(string accessor, string? expected)
    {
        MethodInfo method = GetType().GetMethod(accessor, BindingFlags.Static | BindingFlags.NonPublic)!;
        Assert.AreEqual(expected, MlNetMembers.MissingField(method));
    }

    [TestMethod]
    public void Check_OfSomethingMissing_IsOneSentenceWithBothVersions()
    {
        MlNetInternals.Check(null);
        string message = Assert.ThrowsExactly<InvalidOperationException>(() =>
            MlNetInternals.Check("Method not found: 'X.Y'.")).Message;
        foreach (string expected in (string[])["Method not found: 'X.Y'.", "5.0.1", "6", "Microsoft.ML"])
            Assert.Contains(expected, message);
    }

    // Looked at, never called.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_entries")]
    private static extern ref object FieldThatIs(
        [UnsafeAccessorType("Microsoft.ML.RepositoryReader, Microsoft.ML.Core")] object repository);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_gone")]
    private static extern ref object FieldThatIsNot(
        [UnsafeAccessorType("Microsoft.ML.RepositoryReader, Microsoft.ML.Core")] object repository);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_entries")]
    private static extern ref object TypeThatIsNot(
        [UnsafeAccessorType("Microsoft.ML.Gone, Microsoft.ML.Core")] object repository);
}
