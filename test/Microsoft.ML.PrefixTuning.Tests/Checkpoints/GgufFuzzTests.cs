using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Checkpoints;

/// <summary>Thousands of files with a damaged header: each loads, or is refused by a documented exception.</summary>
[TestClass]
public sealed class GgufFuzzTests
{
    private const int Files = 10_000;

    private static readonly ulong[] Extremes =
        [0, 1, 31, 255, 256, int.MaxValue, uint.MaxValue, 1ul << 32, 1ul << 61, 1ul << 62, long.MaxValue, 1ul << 63,
            ulong.MaxValue];

    [TestMethod]
    public void Load_OfDamagedHeaders_LoadsOrRefuses()
    {
        (byte[] bytes, int data) = GgufBuilder.Llama().Build();
        using var folder = new TemporaryFolder();
        string path = folder["damaged.gguf"];
        var random = new Random(20210101);
        // Whole first: it must load, and torch's own start is no part of the time below.
        File.WriteAllBytes(path, bytes);
        FrozenBase.Load(path, ScalarType.Float32, CPU).Dispose();
        for (int i = 0; i < Files; i++)
        {
            byte[] damaged = Damage(bytes, data, random);
            File.WriteAllBytes(path, damaged);
            LoadOrRefuse(path,
                $"file {i}: {Convert.ToHexString(damaged.AsSpan(0, Math.Min(data, damaged.Length)))}");
        }
    }

    private static void LoadOrRefuse(string path, string what)
    {
        double start = OwnTime.Now();
        try
        {
            FrozenBase.Load(path, ScalarType.Float32, CPU).Dispose();
        }
        catch (Exception fault) when (!HostileCase.Documented.Contains(fault.GetType()))
        {
            Assert.Fail($"{what}{Environment.NewLine}{fault}");
        }
        catch (Exception fault)
        {
            Assert.Contains(Path.GetFileName(path), fault.Message, what);
        }
        Assert.IsLessThan(1, OwnTime.Now() - start, what);
    }

    private static byte[] Damage(byte[] bytes, int data, Random random)
    {
        var damaged = new List<byte>(bytes);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            int place = random.Next(Math.Max(1, Math.Min(data, damaged.Count)));
            if (damaged.Count == 0)
                break;
            switch (random.Next(6))
            {
                case 0:
                    damaged[place] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    damaged[place] = (byte)random.Next(256);
                    break;
                case 2:
                    Put(damaged, place, Extremes[random.Next(Extremes.Length)], random.Next(2) == 0 ? 4 : 8);
                    break;
                case 3:
                    damaged.RemoveRange(place, Math.Min(random.Next(1, 24), damaged.Count - place));
                    break;
                case 4:
                    damaged.InsertRange(place, damaged.Skip(random.Next(Math.Max(1, damaged.Count - 24)))
                        .Take(random.Next(1, 24)).ToArray());
                    break;
                default:
                    damaged.RemoveRange(place + 1, damaged.Count - place - 1);
                    damaged.AddRange(bytes.AsSpan(0, random.Next(64)).ToArray());
                    break;
            }
        }
        return [.. damaged];
    }

    private static void Put(List<byte> bytes, int place, ulong value, int size)
    {
        Span<byte> little = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(little, value);
        for (int i = 0; i < size && place + i < bytes.Count; i++)
            bytes[place + i] = little[i];
    }
}
