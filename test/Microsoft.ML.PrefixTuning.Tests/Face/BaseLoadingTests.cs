using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Loading that is called off, and threads while a base is used.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class BaseLoadingTests
{
    private static readonly MLContext Context = new(seed: 1);

    private static readonly BaseForm Form = ScalarType.Float32;

    [TestMethod]
    public void Load_CalledOffInTheMiddle_Ends()
    {
        int asked = 0;
        Assert.ThrowsExactly<OperationCanceledException>(() => Cancelling.By(
            () => { if (++asked == 5) throw new OperationCanceledException(); },
            () => FrozenBase.Load(TinyBase.Folder("llama"), Form, CPU)));
        Assert.AreEqual(5, asked, "at the tensor at which it was called off");
    }

    [TestMethod]
    public void Fit_CancelledBefore_EndsWithoutTheRows()
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        var options = new PrefixTuningOptions
        {
            Training = new TrainingOptions { CancellationToken = new CancellationToken(canceled: true) },
        };
        // No row would be an error of its own once the base is loaded.
        Assert.ThrowsExactly<OperationCanceledException>(() =>
            TinyBase.Fit(Context, options, rows: 0, BaseModel.FromFolder(folder.Path)));
        Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Fit(Context, new PrefixTuningOptions(), rows: 0, BaseModel.FromFolder(folder.Path)));
    }

    [TestMethod]
    public void Identity_CalledOff_EndsAndIsReadByTheNext()
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        using FrozenBase loaded = FrozenBase.Load(folder.Path, Form, CPU);
        Assert.ThrowsExactly<OperationCanceledException>(() =>
            Cancelling.By(() => throw new OperationCanceledException(), () => loaded.Identity));
        Assert.HasCount(64, loaded.Identity.Weights);
    }

    [TestMethod]
    public void Acquire_WhereAnothersLoadingIsCalledOff_LoadsItself()
    {
        var pool = new BasePool();
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        Task<BaseLease> first = Task.Run(() => pool.Acquire("key", Form, CPU, () =>
        {
            begun.Set();
            goOn.Wait();
            throw new OperationCanceledException();
        }));
        begun.Wait();
        Task<BaseLease> second = Task.Run(() =>
            pool.Acquire("key", Form, CPU, () => FrozenBase.Load(TinyBase.Folder("llama"), Form, CPU)));
        goOn.Set();
        using BaseLease lease = second.GetAwaiter().GetResult();
        Assert.IsNotNull(lease.Base.Model);
        Assert.ThrowsExactly<OperationCanceledException>(() => first.GetAwaiter().GetResult());
    }

    [TestMethod]
    [DoNotParallelize]
    public void Threads_OfTheOptions_HoldWhileItWorksAndNoLonger()
    {
        int before = get_num_threads(), within = 0, other = before == 1 ? 2 : 1;
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Threads = other,
            Training = TinyBase.Quick.Training with { Progress = _ => within = get_num_threads() },
        };
        using PrefixTuningTransformer model = TinyBase.Fit(Context, options);
        Assert.AreEqual((other, before), (within, get_num_threads()));
        within = 0;
        model.Session.Generate([new InputRow(0, "a")], () => within = get_num_threads(), null);
        Assert.AreEqual((other, before), (within, get_num_threads()));
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            TinyBase.Estimator(Context, options with { Threads = 0 }));
        Assert.Contains("Threads: expected 1 or more, found 0", fault.Message);
    }

    [TestMethod]
    [DoNotParallelize]
    public void WithThreads_OfALoadedModel_HoldWhileItWritesAndNoLonger()
    {
        int before = get_num_threads(), within = 0, other = before == 1 ? 2 : 1;
        using var file = new MemoryStream();
        using (PrefixTuningTransformer saved = TinyBase.Fit(Context, TinyBase.Quick with { Threads = other }))
            Context.Model.Save(saved, null, file);
        file.Position = 0;
        using var model = (PrefixTuningTransformer)Context.Model.Load(file, out _);
        using PrefixTuningTransformer changed = model.WithThreads(other);

        Assert.AreSame(model.Session.Base.Model, changed.Session.Base.Model);
        Assert.AreEqual((before, before), Write(model));
        Assert.AreEqual((other, before), Write(changed));
        using PrefixTuningTransformer back = changed.WithThreads(null);
        Assert.AreEqual((before, before), Write(back));
        var fault = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => model.WithThreads(0));
        StringAssert.StartsWith(fault.Message, "Expected 1 to 1024, or null.");

        (int Within, int After) Write(PrefixTuningTransformer transformer)
        {
            within = 0;
            transformer.Session.Generate([new InputRow(0, "a")], () => within = get_num_threads(), null);
            return (within, get_num_threads());
        }
    }
}
