// Makes the small BART of samples/Summarization/base, and compares ways of tuning it.
//
//   dotnet run --project tools/SmallBart -c Release -- pretrain --text TEXT.txt --out FOLDER
//   dotnet run --project tools/SmallBart -c Release -- fill --base FOLDER "She opened the<mask> and looked out."
//   dotnet run --project tools/SmallBart -c Release -- compare --base FOLDER --data samples/Summarization/data

using System.CommandLine;
using System.Globalization;
using Microsoft.ML.PrefixTuning.SmallBart;

CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;
var root = new RootCommand("Makes a small BART from scratch, and compares ways of tuning it.") { PretrainVerb.Make(),
    FillVerb.Make(), CompareVerb.Make() };
return root.Parse(args).Invoke();
