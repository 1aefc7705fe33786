using System;
using System.Collections.Generic;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>
/// What can be said of MPI without one: what the launcher says, and where the library is. The rest is in
/// <c>.ci/distributed</c>.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class MpiTests
{
    [TestMethod]
    [DataRow("OMPI_COMM_WORLD_SIZE")]
    [DataRow("PMI_SIZE")]
    [DataRow("SLURM_STEP_NUM_TASKS")]
    public void Launcher_OfAnotherMpi_IsToldAndNotTakenForOneProcess(string variable)
    {
        MpiLauncher launcher = Launcher((variable, "4"));
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => launcher.Check(1, "Some MPI 3"));
        Assert.Contains($"expected 4 processes, as {variable} says, found one, as the library says (Some MPI 3)",
            fault.Message);
        launcher.Check(4, "Some MPI 3");
        Launcher((variable, "1")).Check(1, "Some MPI 3");
        Launcher().Check(1, "Some MPI 3");
    }

    [TestMethod]
    public void Launcher_OfSeveralProcessesAMachine_GivesTheLocalRank()
    {
        Assert.AreEqual(0, Launcher().LocalRank);
        Assert.AreEqual(3, Launcher(("OMPI_COMM_WORLD_LOCAL_RANK", "3"), ("SLURM_LOCALID", "0")).LocalRank);
        Assert.AreEqual(2, Launcher(("SLURM_LOCALID", "2")).LocalRank);
    }

    [TestMethod]
    public void Launcher_ByItsVariables_TellsOpenMpiFromOthers()
    {
        Assert.IsTrue(Launcher(("OMPI_COMM_WORLD_SIZE", "2"), ("PMI_SIZE", "2")).IsOpenMpi);
        Assert.IsFalse(Launcher(("PMI_SIZE", "2")).IsOpenMpi);
        Assert.IsNull(Launcher().IsOpenMpi);
    }

    [TestMethod]
    public void Library_ThatIsNotThere_IsToldWithTheRemedy()
    {
        var fault = Assert.ThrowsExactly<DllNotFoundException>(() => MpiLibrary.Load(Launcher(), "libnompi.so.7"));
        Assert.Contains("expected one of the libraries libnompi.so.7, found none", fault.Message);
        Assert.Contains(MpiLibrary.Variable, fault.Message);
    }

    [TestMethod]
    [DataRow("MPICH Version: 4.0.2", true)]
    [DataRow("Intel(R) MPI Library 2021.10 for Linux* OS", true)]
    [DataRow("MVAPICH2 Version: 2.3.7", true)]
    [DataRow("Open MPI v4.1.4, package: Debian OpenMPI", false)]
    public void Library_ByWhatItCallsItself_HasTheHandlesOfMpich(string version, bool isLike) =>
        Assert.AreEqual(isLike, MpiLibrary.IsLikeMpich(version));

    private static MpiLauncher Launcher(params (string Name, string Value)[] variables)
    {
        var known = new Dictionary<string, string>();
        foreach ((string name, string value) in variables)
            known.Add(name, value);
        return new MpiLauncher(known.GetValueOrDefault);
    }
}
