using System.Runtime.CompilerServices;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>How numbers lie, which are worked on as float32.</summary>
internal unsafe interface IKeptNumbers
{
    /// <summary>Bytes of one.</summary>
    static abstract nint Bytes { get; }

    /// <summary>Sixteen of them as float32.</summary>
    /// <param name="numbers">The first one.</param>
    /// <param name="place">Numbers before those that are wanted.</param>
    static abstract T Load<T>(byte* numbers, nint place)
        where T : struct, ILanes<T>;

    /// <summary>One of them.</summary>
    static abstract float One(byte* numbers, nint place);

    /// <summary>Writes sixteen of them, rounded to how they lie.</summary>
    static abstract void Store<T>(T lanes, byte* numbers, nint place)
        where T : struct, ILanes<T>;

    /// <summary>Writes one of them.</summary>
    static abstract void StoreOne(float number, byte* numbers, nint place);
}

/// <summary>Float32.</summary>
internal readonly unsafe struct KeptFloat32 : IKeptNumbers
{
    public static nint Bytes => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* numbers, nint place)
        where T : struct, ILanes<T> => T.Load((float*)numbers + place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float One(byte* numbers, nint place) => ((float*)numbers)[place];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T lanes, byte* numbers, nint place)
        where T : struct, ILanes<T> => T.Store(lanes, (float*)numbers + place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(float number, byte* numbers, nint place) => ((float*)numbers)[place] = number;
}

/// <summary>Bfloat16, made wide in registers.</summary>
internal readonly unsafe struct KeptBFloat16 : IKeptNumbers
{
    public static nint Bytes => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* numbers, nint place)
        where T : struct, ILanes<T> => T.LoadBFloat16((ushort*)numbers + place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float One(byte* numbers, nint place) => Lanes.Wide(((ushort*)numbers)[place]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T lanes, byte* numbers, nint place)
        where T : struct, ILanes<T> => T.StoreBFloat16(lanes, (ushort*)numbers + place);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(float number, byte* numbers, nint place) =>
        ((ushort*)numbers)[place] = Lanes.Narrow(number);
}
