using System;
using System.Collections.Generic;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>The description of a saved transformer, which may be anybody's.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SavedModelTests
{
    private static readonly string Hash = new('a', 64);

    private static readonly SavedModel Whole = new()
    {
        OutputColumn = "Output",
        InputColumn = "Input",
        AttributeColumn = "Tone",
        Precision = ModelPrecision.Float32,
        Generation = new GenerationOptions(),
        Base = new SavedBase
        {
            Name = "tiny",
            Path = "tiny",
            Identity = BaseIdentity.Of(BaseIdentityTests.Spec("llama"), Hash),
            Files = [new SavedFile("config.json", 1, Hash), new SavedFile("model.safetensors", 2, Hash)],
        },
        PrefixBytes = 5,
        AttributePrefixes = [new SavedAttribute("calm", 1), new SavedAttribute("loud", 2)],
        Training = new TrainingSummary
        {
            Losses = [1, double.NaN],
            LearningRates = [0.1, 0.1],
            ValidationLosses = [new ValidationLoss(0, 2)],
            StartLoss = 2,
            BaseLoss = 3,
            BestStep = 1,
            Epochs = 1,
            End = TrainingEnd.Completed,
            TrainingRows = 3,
            ValidationRows = 1,
            Tokens = 100,
            Duration = TimeSpan.FromSeconds(1),
            TrainedParameters = 10,
            StoredParameters = 10,
            TriggerWords = ["a"],
        },
    };

    /// <summary>
    /// A path into the description, its new value as JSON (none: the key is taken away), and words of the refusal.
    /// </summary>
    public static IEnumerable<string?[]> Broken =>
    [
        ["outputColumn", "\"\"", "outputColumn: expected a name, found an empty text"],
        ["inputColumn", "\"\"", "inputColumn: expected a name, found an empty text"],
        ["attributeColumn", "\"\"", "attributeColumn: expected a name or null, found an empty text"],
        ["precision", "1", "precision"],
        ["precision", "\"1\"", "precision"],
        ["precision", "\"Float99\"", "precision"],
        ["prefixBytes", "0", "prefixBytes: expected 1 to 2147483591, found 0"],
        ["prefixBytes", "-1", "prefixBytes: expected 1 to 2147483591, found -1"],
        ["prefixBytes", "9000000000000000000", "prefixBytes: expected 1 to 2147483591, found 9000000000000000000"],
        ["prefixBytes", "1e99", "prefixBytes"],
        ["attributePrefixes.0", "null", "attributePrefixes: expected no null in the list, found one"],
        ["attributePrefixes.0", "{}", "'value'"],
        ["attributePrefixes.1.value", "null", "value"],
        ["attributePrefixes.1.bytes", null, "'bytes'"],
        ["attributePrefixes.1.bytes", "-7",
            "attributePrefixes, value 'loud', bytes: expected 1 to 2147483591, found -7"],
        ["base", "null", "base"],
        ["base.name", "\"\"", "base.name: expected a plain name"],
        ["base.path", "\"\"", "base.path: expected a path, found an empty text"],
        ["base.identity", "null", "identity"],
        ["base.identity", "[]", "base.identity: expected an object of texts"],
        ["base.identity", "{}", "base.identity: identity: expected a number from 1, found nothing"],
        ["base.identity.identity", "\"2\"", "base.identity: identity: found 2, the newest that is read here is 1"],
        ["base.identity.weights", null, "base.identity: weights: expected 64 hexadecimal digits"],
        ["base.identity.weights", "\"abc\"",
            "base.identity: weights: expected 64 hexadecimal digits in lower case, found abc"],
        ["base.identity.family", "null", "base.identity: 'family': expected a text, found Null"],
        ["base.identity.width", null, "base.identity: width: expected a value, found nothing"],
        ["base.files", "[]", "base.files: expected at least one file, or null, found none"],
        ["base.files.0", "{}", "'name'"],
        ["base.files.0", "null", "base.files: expected no null in the list, found one"],
        ["base.files.0.name", "\"..\"", "base.files: expected plain file names, found '..'"],
        ["base.files.0.name", "\"a/b\"", "base.files: expected plain file names, found 'a/b'"],
        ["base.files.0.name", "\"c:b\"", "base.files: expected plain file names, found 'c:b'"],
        ["base.files.0.name", "\"a\\u0000\"", "base.files: expected plain file names, found 'a\\u0000'"],
        ["base.files.0.name", $"\"{new string('n', 256)}\"", "base.files: expected plain file names"],
        ["base.files.0.name", "\"model.safetensors\"",
            "base.files: expected each name once, found 'model.safetensors' twice"],
        ["base.files.0.name", "\"MODEL.safetensors\"",
            "base.files: expected each name once, found 'MODEL.safetensors' twice"],
        ["base.files.0.bytes", "-1", "base.files, 'config.json', bytes: expected 0 or more, found -1"],
        ["base.files.0.hash", "\"ABC\"",
            "base.files, 'config.json', hash: expected 64 hexadecimal digits in lower case, found 'ABC'"],
        ["generation.decoding", "\"guess\"", "decoding"],
        ["generation.decoding", "null", "decoding"],
        ["generation.decoding.kind", "\"guess\"", "decoding"],
        ["generation.decoding.kind", null, "decoding"],
        ["generation.lookAhead", null, "'lookAhead'"],
        ["generation.repetitionPenalty", "\"NaN\"", "Generation.RepetitionPenalty"],
        ["generation.repetitionPenalty", "\"Infinity\"", "Generation.RepetitionPenalty"],
        ["generation.batchSize", "0", "Generation.BatchSize"],
        ["generation.sequenceCount", "-2", "Generation.SequenceCount"],
        ["generation.truncation", "9", "truncation"],
        ["generation.bannedWords", "[null]", "Generation.BannedWords"],
        ["generation.stopStrings", "null", "stopStrings"],
        ["training.validationLosses", "[null]", "training.validationLosses: expected no null in the list, found one"],
        ["training.validationLosses", "[{}]", "'step'"],
        ["training.triggerWords", "[null]", "training.triggerWords: expected no null in the list, found one"],
        ["training.losses", "null", "losses"],
        ["training.losses", "[null]", "losses"],
        ["training.end", "77", "end"],
        ["training.duration", "\"soon\"", "duration"],
    ];

    [TestMethod]
    [DynamicData(nameof(Broken))]
    public void FromBytes_OfBrokenDescription_IsRefusedByKey(string path, string? value, string words)
    {
        JsonNode description = JsonNode.Parse(Whole.ToBytes())!;
        Set(description, path.Split('.'), value is null ? null : JsonNode.Parse(value), remove: value is null);
        var fault = Assert.ThrowsExactly<FormatException>(() =>
            SavedModel.FromBytes(Encoding.UTF8.GetBytes(description.ToJsonString()), "Entry"));
        StringAssert.StartsWith(fault.Message,
            "Entry: expected the description of a saved transformer, found something else: ");
        StringAssert.Contains(fault.Message, words);
    }

    [TestMethod]
    [DataRow("\"inputColumn\"", "\"inputColumn\": \"a\", \"inputColumn\"")]
    [DataRow("\"Input\"", "\"\\ud800\"")]
    public void FromBytes_OfTwistedJson_IsRefused(string old, string twisted)
    {
        string json = Encoding.UTF8.GetString(Whole.ToBytes());
        StringAssert.Contains(json, old);
        byte[] broken = Encoding.UTF8.GetBytes(json.Replace(old, twisted, StringComparison.Ordinal));
        StringAssert.StartsWith(Assert.ThrowsExactly<FormatException>(() =>
            SavedModel.FromBytes(broken, "Entry")).Message, "Entry: ");
    }

    [TestMethod]
    public void FromBytes_OfWholeDescription_IsTheSame()
    {
        byte[] json = Whole.ToBytes();
        CollectionAssert.AreEqual(json, SavedModel.FromBytes(json, "Entry").ToBytes());
    }

    private static void Set(JsonNode node, string[] path, JsonNode? value, bool remove)
    {
        foreach (string step in path[..^1])
            node = node is JsonArray list ? list[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]!
                : node[step]!;
        if (remove)
            node.AsObject().Remove(path[^1]);
        else if (node is JsonArray list)
            list[int.Parse(path[^1], System.Globalization.CultureInfo.InvariantCulture)] = value;
        else
            node[path[^1]] = value;
    }
}
