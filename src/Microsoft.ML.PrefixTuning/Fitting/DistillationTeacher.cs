using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// A teacher in front of a base. A decoder-only base reads a teacher's text once: its keys and values are a prefix like
/// any other. An encoder-decoder base reads it with every row, since there text in front changes what the encoder makes
/// of the row.
/// </summary>
internal sealed class DistillationTeacher
{
    private readonly FrozenBase _frozen;
    private readonly DistillationOptions _options;
    private readonly int[] _before;
    private readonly Opening _opening;
    private readonly string _text;

    private DistillationTeacher(FrozenBase frozen, DistillationOptions options, Prefix? prefix, string text)
    {
        (_frozen, _options, Prefix, _text) = (frozen, options, prefix, text);
        _opening = new Opening(frozen.Tokenizer, frozen.Model.Spec);
        _before = prefix is null ? _opening.TextIds(text) : [];
        Objective = new DistillationObjective(options.Temperature, Identity());
    }

    /// <summary>Puts a teacher in front of a base.</summary>
    /// <exception cref="InvalidOperationException">A given prefix was made for another base.</exception>
    /// <exception cref="ArgumentException">
    /// A text is longer than the base's context, or the student no shorter than the teacher.
    /// </exception>
    public static DistillationTeacher Make(FrozenBase frozen, PrefixTeacher teacher, DistillationOptions options)
    {
        DistillationTeacher made = teacher switch
        {
            GivenTeacher given =>
                new DistillationTeacher(frozen, options, Fitting(frozen, given.Prefix), ""),
            TextTeacher text when frozen.Model.Spec.IsEncoderDecoder =>
                new DistillationTeacher(frozen, options, null, text.Text),
            TextTeacher text => new DistillationTeacher(frozen, options, Read(frozen, text.Text), text.Text),
            _ => throw new UnreachableException($"Teacher {teacher} is not known here."),
        };
        PrefixOptions student = options.Student.Prefix;
        int length = student.Start is PrefixValuesStart start ? start.Prefix.Length : student.Length;
        return length < made.Length ? made
            : throw new ArgumentException(
                $"Student.Prefix.Length: expected fewer tokens than the teacher's {made.Length}, found {length}.",
                nameof(options));
    }

    /// <summary>The teacher as a prefix; null where rows carry its text.</summary>
    public Prefix? Prefix { get; }

    /// <summary>Tokens that the teacher puts in front of a row.</summary>
    public int Length => Prefix?.Length ?? _before.Length;

    /// <summary>Positions of the context window that the teacher takes from a row.</summary>
    public int Room => Prefix is { Convention.TakesPositions: false } ? 0 : Length;

    /// <summary>What the student is trained for.</summary>
    public ITrainingObjective Objective { get; }

    /// <summary>
    /// The student's options with a start that fits the teacher where none was chosen: its first tokens, as far as the
    /// student can hold them.
    /// </summary>
    public PrefixTuningOptions Student()
    {
        PrefixTuningOptions student = _options.Student;
        PrefixOptions prefix = student.Prefix;
        if (prefix.Start is not TextStart { Text: null })
            return student;
        if (_text.Length > 0)
            return student with { Prefix = prefix with { Start = PrefixStart.FromText(_text) } };
        return CanStartAs(Prefix!, prefix)
            ? student with
            {
                Prefix = prefix with
                {
                    Start = PrefixStart.FromPrefix(Prefix!.First(prefix.Length)),
                    Sites = prefix.Sites ?? [.. Prefix!.Sites]
                }
            }
            : student;
    }

    /// <summary>How the teacher writes: its columns, template and decoding.</summary>
    /// <param name="output">Column that takes its texts.</param>
    /// <param name="input">Column that it reads.</param>
    public TextSettings Settings(string output, string input)
    {
        PrefixTuningOptions student = _options.Student;
        string template = student.Template ?? RowEncoder.DefaultTemplate(_frozen.Model.Spec);
        return new TextSettings(output, input, Prefix is null ? _text + template : template,
            _options.Continuations with { Truncation = student.Training.Truncation }, student.Precision,
                EmbedBase: false);
    }

    /// <summary>Runs the teacher over rows.</summary>
    /// <param name="rows">Rows as the student reads them.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to cancel.</param>
    /// <returns>The rows with what the teacher says of them.</returns>
    public List<TrainingExample> Annotate(IReadOnlyList<TrainingExample> rows, Action checkAlive)
    {
        int[] front = [.. _opening.OfRow(Prefix is { Convention.HoldsBeginToken: true }), .. _before];
        using PrefixTensors? tensors = Prefix is null ? null : PrefixTensors.Make(Prefix, _frozen.Model);
        var pass = new TeacherPass
        {
            Model = _frozen.Model,
            Prefix = tensors?.Sites ?? SitePrefixes.None,
            TopK = _options.TopK,
            Temperature = _options.Temperature,
            BatchSize = _options.Student.Training.BatchSize,
            MostTokens = _options.Student.Training.MaxTokensPerPass,
            CheckAlive = checkAlive,
        };
        return pass.Annotate(rows, [.. rows.Select(row => row.Behind(front))]);
    }

    /// <summary>What was distilled, for the summary.</summary>
    /// <param name="student">Tokens of the student.</param>
    public DistillationSummary Summary(int student) => new(Length, student, _options.Temperature, _options.TopK);

    /// <summary>Whether a student has keys and values of its own, in the teacher's place.</summary>
    private static bool CanStartAs(Prefix teacher, PrefixOptions student) =>
        student.Parametrization.TakesStart && student.Method switch
        {
            EveryLayerMethod => !teacher.IsInfix,
            InfixMethod => teacher.IsInfix,
            _ => false,
        };

    private string Identity()
    {
        // A text says all; the keys and values it gives may differ in their last bits from machine to machine.
        string teacher = _text.Length > 0 ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_text)))
            : Prefix!.Hash();
        string kept = _options.TopK == 0 ? "all tokens"
            : _options.TopK.ToString(CultureInfo.InvariantCulture) + " tokens";
        return $"{kept} of {teacher}";
    }

    private static Prefix Read(FrozenBase frozen, string text)
    {
        var opening = new Opening(frozen.Tokenizer, frozen.Model.Spec);
        int[] ids = opening.TextIds(text), front = opening.OfPrefix(isInfix: false);
        int length = front.Length + ids.Length;
        if (length >= frozen.Model.Spec.ContextLength)
            throw new ArgumentException(
                "Teacher: expected a text of fewer tokens than the base's context of"
                    + $" {frozen.Model.Spec.ContextLength}, found {length}.", "teacher");
        return PrefixInitializer.Make(new StartRequest
        {
            Model = frozen.Model,
            Start = PrefixStart.DefaultText,
            Sites = [AttentionSite.Decoder],
            Length = length,
            Convention = PrefixConvention.DecoderOnly with
            {
                HoldsBeginToken = opening.IsHeld(isInfix: false, isFromText: true),
            },
            Text = ids,
            Opening = front,
        });
    }

    private static Prefix Fitting(FrozenBase frozen, Prefix prefix)
    {
        frozen.Check(prefix);
        return prefix;
    }
}
