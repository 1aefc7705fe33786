using System;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Transforming;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

[TestClass]
[TestCategory("Quick")]
public sealed class ColumnBufferTests
{
    [TestMethod]
    public void Take_FromAGetterThatDisposesWhatItIsHanded_KeepsEveryValue()
    {
        // As ML.NET's getters of images do.
        ValueGetter<Picture> load = (ref Picture picture) =>
        {
            picture?.Dispose();
            picture = new Picture();
        };
        var row = new HandMadeRow(("Picture", new PictureType(), load));
        ColumnBuffer buffer = ColumnBuffer.Make(row, row.Schema[0]);
        for (int i = 0; i < 3; i++)
            buffer.Take();

        int place = 0;
        var get = (ValueGetter<Picture>)buffer.Getter(() => place);
        var pictures = new Picture[3];
        for (; place < pictures.Length; place++)
            get(ref pictures[place]);

        Assert.IsFalse(pictures.Any(picture => picture.IsDisposed));
        Assert.HasCount(3, pictures.Distinct());
    }

    private sealed class Picture : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class PictureType() : StructuredDataViewType(typeof(Picture))
    {
        public override bool Equals(DataViewType? other) => other is PictureType;
    }
}
