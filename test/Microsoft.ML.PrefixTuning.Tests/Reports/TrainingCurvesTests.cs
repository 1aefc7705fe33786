using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Text;
using Microsoft.ML.PrefixTuning.Reports;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Reports;

/// <summary>The values of a training as CSV and as TensorBoard's events.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainingCurvesTests
{
    private static readonly TrainingSummary Summary = new()
    {
        Losses = [2.5, double.NaN, 1.25],
        LearningRates = [0.01, 0.02, 0.015],
        ValidationLosses = [new ValidationLoss(0, 3), new ValidationLoss(3, 1.5)],
        StartLoss = 3,
        BaseLoss = 4,
        BestStep = 3,
        Epochs = 1,
        End = TrainingEnd.Completed,
        TrainingRows = 3,
        ValidationRows = 1,
        Tokens = 10,
        Duration = TimeSpan.FromSeconds(6),
        TrainedParameters = 1,
        StoredParameters = 1,
    };

    [TestMethod]
    public void WriteCurves_ToCsv_HasALineAStep()
    {
        using var folder = new TemporaryFolder();
        Summary.WriteCurves(folder["curves.csv"]);
        CollectionAssert.AreEqual(new[]
        {
            "step,loss,learning_rate,validation_loss", "0,,,3", "1,2.5,0.01,", "2,NaN,0.02,", "3,1.25,0.015,1.5",
        }, File.ReadAllLines(folder["curves.csv"]));
    }

    [TestMethod]
    public void WriteCurves_ToEvents_HasWhatTensorBoardReads()
    {
        using var folder = new TemporaryFolder();
        Summary.WriteCurves(folder["events.out.tfevents.1"]);
        byte[][] records = [.. Records(File.ReadAllBytes(folder["events.out.tfevents.1"]))];
        Assert.Contains("brain.Event:2", Encoding.UTF8.GetString(records[0]));
        // Field by field: wall_time 1 (double), step 2 (number), summary 5 { value 1 { tag 1, simple_value 2 } }.
        byte[] expected =
        [
            0x10, 1, 0x2A, 19, 0x0A, 17, 0x0A, 10, .. Encoding.ASCII.GetBytes("train/loss"), 0x15,
            .. BitConverter.GetBytes(2.5f),
        ];
        Assert.AreEqual(0x09, records[1][0]);
        CollectionAssert.AreEqual(expected, records[1][9..]);
        // The version, two values a step, two of validation.
        Assert.HasCount(1 + 6 + 2, records);
    }

    [TestMethod]
    public void Events_AreSpreadOverTheTraining()
    {
        DateTimeOffset end = DateTimeOffset.FromUnixTimeSeconds(1000);
        double[] times = [.. Records(TrainingCurves.Events(Summary, end))
            .Select(record => BinaryPrimitives.ReadDoubleLittleEndian(record.AsSpan(1)))];
        CollectionAssert.AreEqual(new double[] { 994, 996, 996, 998, 998, 1000, 1000, 994, 1000 }, times);
    }

    private static IEnumerable<byte[]> Records(byte[] file)
    {
        for (int place = 0; place < file.Length;)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(place));
            Assert.AreEqual(Masked(file.AsSpan(place, 8)), BinaryPrimitives.ReadUInt32LittleEndian(
                file.AsSpan(place + 8)));
            byte[] content = file[(place + 12)..(place + 12 + length)];
            Assert.AreEqual(Masked(content), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(place + 12 + length)));
            yield return content;
            place += 16 + length;
        }
    }

    // The polynomial bit by bit, apart from the processor's instruction.
    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78 : crc >> 1;
        }
        return unchecked(BitOperations.RotateRight(~crc, 15) + 0xA282EAD8);
    }
}
