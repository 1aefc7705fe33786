using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>Every option stands in <see cref="OptionTable"/>, and each is found where the table says.</summary>
[TestClass]
public sealed class OptionPlacesTests
{
    private static readonly MLContext Context = new(seed: 1);

    // Options of the verb train that are no members of a record.
    private static readonly string[] OfTheVerb =
    [
        "--base", "--pre-tokenizer", "--model", "--report", "--curves", "--input", "--output", "--validation",
        "--format", "--workers",
    ];

    private static readonly Type[] Roots =
    [
        typeof(PrefixTuningOptions), typeof(TextGenerationOptions), typeof(DistillationOptions),
        typeof(TextGenerationEvaluationOptions), typeof(TextGeneratorOptions), typeof(SelfStudyOptions),
    ];

    [TestMethod]
    public void Members_OfEveryOptionRecord_StandInTheTable()
    {
        HashSet<Type> records = Records();
        IEnumerable<Type> named = typeof(PrefixTuningOptions).Assembly.GetExportedTypes()
            .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal));
        Assert.IsEmpty(named.Except(records), "records of options that no root holds");
        IEnumerable<string> expected = records.SelectMany(record =>
            OptionValues.Members(record).Select(member => $"{record.Name}.{member.Name}"));
        CollectionAssert.AreEquivalent(
            expected.ToArray(), OptionTable.Entries.Select(entry => entry.ToString()).ToArray());
    }

    [TestMethod]
    public void Values_OfTheTable_AreOffTheirDefaults()
    {
        // This machine may have no other device than the default one.
        foreach (OptionEntry entry in OptionTable.Entries.Where(entry => entry.Member != "Device"))
        {
            string value = OptionValues.Show(entry.Value);
            Assert.AreNotEqual(OptionValues.Show(entry.Property.GetValue(entry.Default)), value, $"{entry}");
        }
    }

    [TestMethod]
    public void Options_InTheDocument_AreAll()
    {
        string document = File.ReadAllText(Path.Combine(Source.Root, "docs", "options.md")).ReplaceLineEndings("\n");
        string[] sections = document.Split("\n## ");
        foreach (OptionEntry entry in OptionTable.Entries)
        {
            string title = entry.Record.Name + "\n";
            string section = sections.Single(section => section.StartsWith(title, StringComparison.Ordinal));
            StringAssert.Contains(section, $"\n| `{entry.Member}` |", $"{entry}");
        }
    }

    [TestMethod]
    public void Options_OnTheCommandLine_AreReadIntoTheirRecords()
    {
        foreach (OptionEntry entry in OptionTable.Entries)
        {
            Assert.AreEqual(entry.Line is null, entry.NotOnLine is not null, $"{entry}: a line, or a reason for none");
            if (entry.Line is null)
                continue;
            object record = OptionTrial.Find(Read(entry.Record, entry.Line), entry.Record);
            Assert.AreEqual(OptionValues.Show(entry.Value), OptionValues.Show(entry.Property.GetValue(record)),
                $"{entry}: {string.Join(' ', entry.Line)}");
        }
    }

    [TestMethod]
    public void Options_OfTheCommand_AreAllInTheTable()
    {
        HashSet<string> known =
        [
            .. OfTheVerb,
            .. OptionTable.Entries.SelectMany(entry => entry.Line ?? []).Where(word => word.StartsWith('-')),
        ];
        var command = new Verb("train", "");
        _ = new TuningArguments(ToolFolder.Silent, command, own: []);
        Assert.AreEqual("", string.Join(' ', command.Options.Select(option => option.Name).Except(known)));
    }

    [TestMethod]
    public void Options_InTheSignature_MakeAnotherTraining()
    {
        using var folder = new TemporaryFolder();
        var known = new Dictionary<string, string>();
        foreach (OptionEntry entry in OptionTable.Entries.Where(entry => entry.NotSigned is null))
        {
            BaseModel baseModel = entry.NeedsEncoder ? TinyBase.T5 : TinyBase.Llama;
            object untouched = entry.Against ?? entry.Default;
            string key = $"{OptionValues.Show(untouched)}{baseModel.Path}";
            if (!known.TryGetValue(key, out string? before))
                known[key] = before = OptionTrial.Signature(untouched, folder[$"{known.Count}.state"], baseModel);
            string after = OptionTrial.Signature(entry.Changed, folder[$"{entry}.state"], baseModel);
            if (entry.Member == "Device")
                Assert.Contains("cpu", after.ToLowerInvariant());
            else
                Assert.AreNotEqual(before, after, $"{entry} is not in the signature");
        }
    }

    [TestMethod]
    public void Options_InSavedModels_ComeBackInAnotherProcess()
    {
        using var folder = new TemporaryFolder();
        OptionEntry[] saved = [.. OptionTable.Entries.Where(entry => entry.NotSaved is null)];
        for (int i = 0; i < saved.Length; i++)
        {
            using PrefixTuningTransformer model = Make(saved[i]);
            Context.Model.SaveAtomically(model, OptionTrial.View(1).Schema, folder[$"{i:d3}.zip"]);
        }
        string[] found = ChildProcess.Run(OptionChild.Describe, folder.Path).Split('\n');
        for (int i = 0; i < saved.Length; i++)
        {
            string option = OptionChild.Key(saved[i].Record, saved[i].Member);
            string line = found.Single(line => line.StartsWith($"{i:d3}.zip {option} ", StringComparison.Ordinal));
            Assert.AreEqual($"{i:d3}.zip {option} {OptionValues.Show(saved[i].Value)}", line);
        }
    }

    private static PrefixTuningTransformer Make(OptionEntry entry)
    {
        TransformsCatalog.TextTransforms catalog = Context.Transforms.Text;
        switch (entry.Changed)
        {
            case PrefixTuningOptions all:
                all = all with { Training = new TrainingOptions { MaxSteps = 1, BatchSize = 2 } };
                return catalog.PrefixTune("Output", "Input", "Label", TinyBase.Llama, all).Fit(OptionTrial.View());
            case TextGenerationOptions { UnseenAttributePrefix: { } prefix } use:
                var prefixes = new Dictionary<string, Prefix> { ["calm"] = prefix };
                return catalog.GenerateText("Output", "Input", TinyBase.Llama, prefixes, "Tone", use)
                    .Fit(OptionTrial.View());
            case TextGenerationOptions use:
                return catalog.GenerateText("Output", "Input", TinyBase.Llama, options: use).Fit(OptionTrial.View());
            default:
                var options = new TextGenerationOptions { Generation = OptionTrial.Put(entry.Changed).Generation };
                return catalog.GenerateText("Output", "Input", TinyBase.Llama, options: options)
                    .Fit(OptionTrial.View());
        }
    }

    private static object Read(Type record, string[] line)
    {
        var command = new Verb("verb", "");
        if (record == typeof(TextGenerationOptions))
        {
            // As convert has them, which also writes models with their base.
            var use = new RecordOptions<TextGenerationOptions>(command);
            var generation = new GenerationArguments(command);
            ParseResult parsed = command.Parse(line);
            return use.Read(parsed, new TextGenerationOptions()) with
            {
                Generation = generation.Read(parsed, new GenerationOptions()),
            };
        }
        if (record == typeof(TextGenerationEvaluationOptions))
        {
            var metrics = new MetricsOption(command);
            var evaluation = new RecordOptions<TextGenerationEvaluationOptions>(command);
            ParseResult parsed = command.Parse(line);
            return evaluation.Read(parsed, new TextGenerationEvaluationOptions { Metrics = metrics.Read(parsed) });
        }
        var tuning = new TuningArguments(ToolFolder.Silent, command, own: []);
        if (record == typeof(SelfStudyOptions))
            return new StudyArguments(command).Read(command.Parse(line));
        return record == typeof(DistillationOptions) ? new DistillationArguments(command).Read(command.Parse(line))
            : tuning.Read(command.Parse(line));
    }

    // What the roots hold, whatever is held by that, and every kind of it.
    private static HashSet<Type> Records()
    {
        var found = new HashSet<Type>();
        var waiting = new Queue<Type>(Roots);
        while (waiting.TryDequeue(out Type? type))
        {
            if (!OptionValues.IsRecord(type) || !type.IsPublic)
                continue;
            IEnumerable<Type> held = type.IsAbstract ? type.Assembly.GetExportedTypes().Where(type.IsAssignableFrom)
                : found.Add(type) ? OptionValues.Members(type).Select(member => member.PropertyType) : [];
            foreach (Type next in held.Where(next => next != type))
                waiting.Enqueue(next);
        }
        return found;
    }
}
