#pragma warning disable // until the strict readers are in
using System; using System.Collections.Generic; using System.IO; using System.Linq; using System.Text.Json; using TorchSharp; using static TorchSharp.torch;
namespace Microsoft.ML.PrefixTuning.Checkpoints;
internal sealed class GgufFile : ITensorSource { public static GgufFile Open(string p) => throw new NotImplementedException(); public string Name => ""; public IReadOnlyCollection<string> TensorNames => []; public TensorInfo Describe(string t) => null!; public Tensor Read(string t, ScalarType s) => null!; public Tensor Read(string t, ScalarType s, Func<int,int>? r) => null!; public string ContentHash() => ""; public IReadOnlyDictionary<string, object> Metadata => null!; public void Dispose() {} }
