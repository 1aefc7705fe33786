using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>Settings that are the same in all processes of a training.</summary>
internal static class SharedSettings
{
    /// <summary>Settings with nothing left to be decided, as the first process decided it.</summary>
    /// <param name="settings">As they were chosen.</param>
    /// <param name="share">The processes that train.</param>
    public static TextSettings Decided(this TextSettings settings, WorkShare share)
    {
        TextSettings own = settings.Decided();
        long precision = share.OfFirst(() => (long)own.Precision);
        long products = share.OfFirst(() => own.Products is { } type ? (long)type : -1);
        return own with
        {
            Precision = (ModelPrecision)precision,
            Products = products < 0 ? null : (ModelPrecision)products,
        };
    }
}
