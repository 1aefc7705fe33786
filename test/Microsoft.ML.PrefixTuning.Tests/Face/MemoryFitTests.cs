using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Memories outside of the softmax through the face; what all methods do is in <see cref="MethodTests"/>.
/// </summary>
[TestClass]
public sealed class MemoryFitTests
{
    private static readonly PrefixOptions Memory = new() { Method = PrefixMethod.Memory };

    private static readonly PrefixTuningOptions Quick = TinyBase.Quick with
    {
        Prefix = Memory,
        // Far enough that texts change.
        Training = new TrainingOptions
        {
            MaxSteps = 40,
            MaxEpochs = 20,
            BatchSize = 6,
            ValidationFraction = 0,
            LearningRate = 0.01,
        },
    };

    private static readonly MLContext Context = Tones.Context;

    [TestMethod]
    [DataRow("llama", ModelPrecision.Float32)]
    [DataRow("llama", ModelPrecision.BFloat16)]
    [DataRow("llama", ModelPrecision.AsStored)]
    [DataRow("llama", ModelPrecision.Int8)]
    [DataRow("t5", ModelPrecision.Float32)]
    [DataRow("t5", ModelPrecision.BFloat16)]
    public void Fit_OfAMemory_TakesNoTokensAndWritesOtherTexts(string name, ModelPrecision precision)
    {
        BaseModel baseModel = BaseModel.FromFolder(TinyBase.Folder(name));
        using PrefixTuningTransformer model =
            TinyBase.Fit(Context, Quick with { Precision = precision }, baseModel: baseModel);

        Prefix prefix = model.Prefix!;
        Assert.AreEqual(0, prefix.Length);
        CollectionAssert.AreEqual(name == "t5" ? [AttentionSite.Decoder, AttentionSite.Encoder]
            : (AttentionSite[])[AttentionSite.Decoder], prefix.Sites.ToArray());
        TrainingSummary summary = model.TrainingSummary!;
        Assert.AreEqual((prefix.ParameterCount, prefix.ParameterCount),
            (summary.TrainedParameters, summary.StoredParameters));
        Assert.IsLessThan(summary.StartLoss, summary.Losses[^1]);
        string[] texts = TinyBase.Texts(Context, model, TinyBase.Rows(5));
        using PrefixTuningTransformer alone = Context.Transforms.Text.GenerateText("Output", "Input", baseModel, null,
            new TextGenerationOptions { Generation = Quick.Generation, Precision = precision })
            .Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(1)));
        CollectionAssert.AreNotEqual(TinyBase.Texts(Context, alone, TinyBase.Rows(5)), texts);
        using var folder = new TemporaryFolder();
        Context.Model.SaveAtomically(model, null, folder["model.zip"]);
        using var loaded = (PrefixTuningTransformer)Context.Model.Load(folder["model.zip"], out _);
        CollectionAssert.AreEqual(texts, TinyBase.Texts(Context, loaded, TinyBase.Rows(5)));
        prefix.Save(folder["memory.safetensors"]);
        CollectionAssert.AreEqual(prefix.ToBytes(), Prefix.Load(folder["memory.safetensors"]).ToBytes());
    }

    /// <summary>Each value has a memory of its own, added to what all share, which other values get.</summary>
    [TestMethod]
    [DataRow("llama")]
    [DataRow("t5")]
    public void Fit_OfAttributes_GivesEachValueAMemory(string name)
    {
        BaseModel baseModel = BaseModel.FromFolder(TinyBase.Folder(name));
        PrefixTuningOptions options = Quick with
        {
            AttributeColumnName = "Tone",
            UnseenAttribute = UnseenAttribute.UseSharedPart,
        };
        using PrefixTuningTransformer model = Tones.Fit(options, baseModel: baseModel);
        Assert.HasCount(3, model.Prefixes);
        Prefix shared = model.Prefix!;
        Assert.AreEqual(4 * shared.ParameterCount, model.TrainingSummary!.TrainedParameters);
        Assert.AreEqual(4 * shared.ParameterCount, model.TrainingSummary.StoredParameters);
        ToneRow[] rows =
            [.. Tones.ToneRows(9).Select((row, index) => row with { Tone = index < 7 ? row.Tone : "new" })];
        string[] texts = Tones.Texts(model, rows);
        foreach (string tone in rows.Select(row => row.Tone).Distinct())
        {
            using PrefixTuningTransformer alone =
                Tones.Generator(model.Prefixes.GetValueOrDefault(tone, shared), baseModel);
            string[] expected = Tones.Texts(alone, rows);
            for (int row = 0; row < rows.Length; row++)
            {
                if (rows[row].Tone == tone)
                    Assert.AreEqual(expected[row], texts[row], $"row {row}, {tone}");
            }
        }
        Assert.HasCount(4, model.Prefixes.Values.Append(shared).Select(prefix => prefix.Hash()).Distinct());
    }

    // What values share is trained along either way, and is no value's.
    [TestMethod]
    public void Fit_OfAttributesWhoseSharedPartIsKept_HasTheDriftOfValuesAlone()
    {
        TextDrift Measure(UnseenAttribute unseen)
        {
            using PrefixTuningTransformer model = Tones.Fit(Quick with
            {
                AttributeColumnName = "Tone",
                UnseenAttribute = unseen,
                Training = Quick.Training with { MaxSteps = 6, DriftText = "A plain text of some words." },
            });
            return model.TrainingSummary!.Drift!;
        }

        Assert.AreEqual(Measure(UnseenAttribute.Refuse), Measure(UnseenAttribute.UseSharedPart));
    }

    [TestMethod]
    public void Fit_OfAttributesResumedWithTheSharedPart_NamesTheChange()
    {
        using var folder = new TemporaryFolder();
        PrefixTuningOptions options = Quick with
        {
            AttributeColumnName = "Tone",
            Training = Quick.Training with { MaxSteps = 4, StateFile = folder["state"] },
        };
        Tones.Fit(options).Dispose();
        string message = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Tones.Fit(options with { UnseenAttribute = UnseenAttribute.UseSharedPart })).Message;
        StringAssert.Contains(message, "memories and the shared one");
    }

    [TestMethod]
    public void Fit_OfAttributesOfOneValue_TrainsWhatOneMemoryHas()
    {
        using PrefixTuningTransformer model = Tones.Fit(Quick with { AttributeColumnName = "Tone" },
            Tones.ToneRows(12).Select(row => row with { Tone = "calm" }));
        Assert.AreEqual(model.Prefixes["calm"].ParameterCount, model.TrainingSummary!.TrainedParameters);
        Assert.IsNull(model.Prefix);
    }

    [TestMethod]
    public void Fit_FromAMemory_GoesOnWithIt()
    {
        using PrefixTuningTransformer first = TinyBase.Fit(Context, Quick);
        PrefixOptions again = Memory with { Start = PrefixStart.FromPrefix(first.Prefix!) };
        using PrefixTuningTransformer second = TinyBase.Fit(Context,
            Quick with { Prefix = again, Training = Quick.Training with { MaxSteps = 1, LearningRate = 1e-30 } });
        CollectionAssert.AreEqual(first.Prefix!.ToBytes(), second.Prefix!.ToBytes());
        foreach (PrefixMethod method in (PrefixMethod[])[PrefixMethod.Prefix, PrefixMethod.Infix])
        {
            StringAssert.StartsWith(Assert.ThrowsExactly<ArgumentException>(() =>
                TinyBase.Fit(Context, Quick with { Prefix = again with { Method = method } })).Message,
                $"Prefix.Start: expected a prefix of keys and values for the method {method.Name}, found a memory.");
        }
        using PrefixTuningTransformer keys = TinyBase.Fit(Context);
        StringAssert.StartsWith(Assert.ThrowsExactly<ArgumentException>(() => TinyBase.Fit(Context,
            Quick with { Prefix = Memory with { Start = PrefixStart.FromPrefix(keys.Prefix!) } })).Message,
            "Prefix.Start: expected the default for the method Memory, which starts at zero, or a prefix that is a"
                + " memory, found FromPrefix.");
    }

    [TestMethod]
    public void GenerateText_OfAMemoryOfAnotherBase_NamesItsHeads()
    {
        Prefix foreign = new([new(AttentionSite.Decoder, new SiteMemory(1, 3, 4, new float[48]))],
            PrefixConvention.Memory);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => Tones.Generator(foreign));
        StringAssert.Contains(fault.Message, "memory of the site Decoder: expected ");
        StringAssert.Contains(fault.Message, "found 1 layers of 3 heads of size 4. It was made for another base.");
    }

    [TestMethod]
    public void DistillPrefix_ToAndFromAMemory_Learns()
    {
        const string Instruction = "name : Aromi | Type : pub | food : French\nAromi is a pub with French food .\n";
        using PrefixTuningTransformer memory = Distilled(PrefixTeacher.FromText(Instruction), Memory);
        Assert.AreEqual((0, 0), (memory.Prefix!.Length, memory.TrainingSummary!.Distillation!.StudentTokens));
        Assert.IsLessThan(memory.TrainingSummary.StartLoss, memory.TrainingSummary.BestLoss!.Value);
        PrefixTeacher teacher = PrefixTeacher.FromPrefix(memory.Prefix);
        using PrefixTuningTransformer keys = Distilled(teacher, new PrefixOptions { Length = 4 });
        Assert.AreEqual((4, 0), (keys.Prefix!.Length, keys.TrainingSummary!.Distillation!.TeacherTokens));
        Assert.IsLessThan(keys.TrainingSummary.StartLoss, keys.TrainingSummary.BestLoss!.Value);

        static PrefixTuningTransformer Distilled(PrefixTeacher teacher, PrefixOptions student) =>
            Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama, teacher, new DistillationOptions
            {
                Student = Quick with
                {
                    Prefix = student,
                    Training = Quick.Training with { ValidationFraction = 0.25 },
                },
                Continuations = new GenerationOptions { MaxNewTokens = 8 },
            }).Fit(Context.Data.LoadFromEnumerable(TinyBase.Rows(12)));
    }
}
