using System;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using Microsoft.ML.Data;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Rows one at a time, as an engine asks for them, in the order in which one or two threads may do so.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class GeneratedTextRowMapperTests
{
    private static readonly MLContext Context = new(seed: 1);
    private static PrefixTuningTransformer s_model = null!;
    private static string[] s_inputs = null!;
    private static string[] s_texts = null!;

    [ClassInitialize]
    public static void FitOnce(TestContext _)
    {
        s_model = TinyBase.Fit(Context);
        s_inputs = TinyBase.Rows(6).Select(row => row.Input).ToArray();
        s_texts = TinyBase.Texts(Context, s_model, TinyBase.Rows(6));
    }

    [ClassCleanup]
    public static void Free() => s_model.Dispose();

    [TestMethod]
    public void Text_OfAPositionThatAnotherThreadPassedOver_IsRefusedToBoth()
    {
        using var engine = new Engine();
        engine.AssertWrites(0);

        // Both have set their input, the other last; it asks first.
        engine.Set(2);
        Elsewhere(engine.AssertRefuses);
        engine.AssertRefuses();
        Elsewhere(engine.AssertRefuses);

        engine.AssertWrites(3);
    }

    [TestMethod]
    public void Text_OfOnePositionForTwoThreads_IsForTheFirstAlone()
    {
        using var engine = new Engine();
        engine.AssertWrites(0);

        // Both have moved the position on from the same one.
        Elsewhere(() => engine.AssertWrites(1));
        engine.AssertRefuses();

        engine.AssertWrites(2);
    }

    [TestMethod]
    public void Text_BehindAGap_IsRefusedOnceTwoThreadsWereSeen()
    {
        using var engine = new Engine();
        engine.AssertWrites(0);
        Elsewhere(() => engine.AssertWrites(1));

        engine.Set(3);
        engine.AssertRefuses();

        engine.AssertWrites(4);
    }

    [TestMethod]
    public void Text_OfAPositionThatMovesMeanwhile_IsRefused()
    {
        using var engine = new Engine();
        engine.Set(0);
        engine.BeforeInput = () => engine.Set(1);
        engine.AssertRefuses();
        engine.BeforeInput = null;
        Elsewhere(() => engine.AssertWrites(1));
    }

    [TestMethod]
    public void Text_WhileAnotherIsWritten_IsRefusedToBoth()
    {
        using var engine = new Engine();
        engine.Set(0);
        engine.BeforeInput = () =>
        {
            engine.BeforeInput = null;
            Elsewhere(engine.AssertRefuses);
        };
        engine.AssertRefuses();
        engine.AssertWrites(1);
    }

    [TestMethod]
    public void Text_AfterAnInputThatFailed_IsWritten()
    {
        using var engine = new Engine();
        engine.AssertWrites(0);
        engine.Set(1);
        engine.BeforeInput = () => throw new FormatException("upstream");
        Assert.ThrowsExactly<FormatException>(() => engine.Text());
        engine.BeforeInput = null;
        engine.AssertWrites(2);
    }

    [TestMethod]
    public void Text_AfterAnotherColumnThatFailed_IsWrittenOnAnyThread()
    {
        using var engine = new Engine();
        engine.AssertWrites(0);
        engine.Set(1);
        Assert.ThrowsExactly<FormatException>(() => engine.Broken());
        Elsewhere(() => engine.AssertWrites(2));
    }

    [TestMethod]
    public void Text_OfSomeRowsOnly_IsWrittenOnOneThread()
    {
        using var engine = new Engine();
        engine.AssertWrites(0);
        engine.AssertWrites(3);
        engine.AssertWrites(5);
    }

    private static void Elsewhere(Action action)
    {
        Exception? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                fault = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (fault is not null)
            ExceptionDispatchInfo.Throw(fault);
    }

    /// <summary>What an engine does, step by step.</summary>
    private sealed class Engine : IDisposable
    {
        private readonly HandMadeRow _input;
        private readonly DataViewRow _output;
        private readonly ValueGetter<ReadOnlyMemory<char>> _text;
        private readonly ValueGetter<float> _broken;

        public Engine()
        {
            ValueGetter<ReadOnlyMemory<char>> input = (ref ReadOnlyMemory<char> value) =>
            {
                BeforeInput?.Invoke();
                value = s_inputs[_input!.Place].AsMemory();
            };
            ValueGetter<float> broken = (ref float value) => throw new FormatException("another column");
            _input = new HandMadeRow(("Input", TextDataViewType.Instance, input),
                ("Broken", NumberDataViewType.Single, broken));
            IRowToRowMapper mapper = ((ITransformer)s_model).GetRowToRowMapper(_input.Schema);
            _output = mapper.GetRow(_input, mapper.OutputSchema);
            _text = _output.GetGetter<ReadOnlyMemory<char>>(mapper.OutputSchema["Output"]);
            _broken = _output.GetGetter<float>(mapper.OutputSchema["Broken"]);
        }

        public Action? BeforeInput { get; set; }

        public void Set(int row) => _input.Place = row;

        public string Text()
        {
            ReadOnlyMemory<char> text = default;
            _text(ref text);
            return text.ToString();
        }

        public void Broken()
        {
            float value = 0;
            _broken(ref value);
        }

        public void AssertWrites(int row)
        {
            Set(row);
            Assert.AreEqual(s_texts[row], Text());
        }

        public void AssertRefuses() =>
            StringAssert.Contains(Assert.ThrowsExactly<InvalidOperationException>(() => Text()).Message,
                "more than one thread at once");

        public void Dispose() => _output.Dispose();
    }
}
