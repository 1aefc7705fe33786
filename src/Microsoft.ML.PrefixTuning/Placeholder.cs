namespace Microsoft.ML.PrefixTuning; internal static class Placeholder { }
