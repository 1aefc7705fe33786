using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// A teacher in front of a base. A decoder-only base reads a teacher's text once: its keys and values are a prefix like
/// any other. An encoder-decoder base reads it with every row, since there text in front changes what the encoder makes
/// of the row. Where rows have texts of their own, each text is read for its rows, one after the other.
/// </summary>
internal sealed class DistillationTeacher
{
    private readonly FrozenBase _frozen;
    private readonly DistillationOptions _options;
    private readonly int[] _before;
    private readonly Opening _opening;
    private readonly string _text;
    private readonly string? _column;
    private readonly List<RowContext?> _contexts = [];

    private DistillationTeacher(FrozenBase frozen, DistillationOptions options, Prefix? prefix, string text,
        string? column = null)
    {
        (_frozen, _options, Prefix, _text, _column) = (frozen, options, prefix, text, column);
        _opening = new Opening(frozen.Tokenizer, frozen.Model.Spec);
        _before = prefix is null && column is null ? _opening.TextIds(text) : [];
    }

    /// <summary>Puts a teacher in front of a base.</summary>
    /// <param name="frozen">The base.</param>
    /// <param name="teacher">The teacher.</param>
    /// <param name="options">All that was chosen.</param>
    /// <param name="rows">The rows; needed where they have texts of their own.</param>
    /// <exception cref="InvalidOperationException">A given prefix was made for another base.</exception>
    /// <exception cref="ArgumentException">
    /// A text is longer than the base's context, or the student no shorter than the teacher.
    /// </exception>
    public static DistillationTeacher Make(FrozenBase frozen, PrefixTeacher teacher, DistillationOptions options,
        IDataView? rows = null)
    {
        DistillationTeacher made = teacher switch
        {
            GivenTeacher given =>
                new DistillationTeacher(frozen, options, Fitting(frozen, given.Prefix), ""),
            TextTeacher text when frozen.Model.Spec.IsEncoderDecoder =>
                new DistillationTeacher(frozen, options, null, text.Text),
            TextTeacher text => new DistillationTeacher(frozen, options,
                Read(frozen, text.Text, options.Student.Training.MaxTokensPerPass), text.Text),
            ColumnTeacher column => new DistillationTeacher(frozen, options, null, First(rows!, column.ColumnName),
                column.ColumnName),
            _ => throw new UnreachableException($"Teacher {teacher} is not known here."),
        };
        if (made._column is null)
            made.CheckStudent($"the teacher's {made.Length}");
        return made;
    }

    /// <summary>The teacher as a prefix; null where rows carry its text.</summary>
    public Prefix? Prefix { get; }

    /// <summary>
    /// Tokens that the teacher puts in front of a row; of the rows' own texts, those of the longest so far.
    /// </summary>
    public int Length => Prefix?.Length ?? Math.Max(_before.Length, _contexts.Select(context =>
        TextPrefix.Length(_frozen, []) + (context?.Length ?? 0)).DefaultIfEmpty().Max());

    /// <summary>Positions of the context window that the teacher takes from a row.</summary>
    public int Room => _column is not null || Prefix is { Convention.TakesPositions: false } ? 0 : Length;

    /// <summary>What the student is trained for, once the rows were annotated: all their texts are hashed.</summary>
    public ITrainingObjective MakeObjective() => new DistillationObjective(_options.Temperature, Identity());

    /// <summary>
    /// The student's options with a start that fits the teacher where none was chosen: its first tokens, as far as the
    /// student can hold them.
    /// </summary>
    public PrefixTuningOptions Student()
    {
        PrefixTuningOptions student = _options.Student;
        PrefixOptions prefix = student.Prefix;
        if (prefix.Start is not TextStart { Text: null } || prefix.Method is MemoryMethod)
            return student;
        if (_text.Length > 0)
            return student with { Prefix = prefix with { Start = PrefixStart.FromText(_text) } };
        return Prefix is { } teacher && CanStartAs(teacher, prefix)
            ? student with
            {
                Prefix = prefix with
                {
                    Start = PrefixStart.FromPrefix(teacher.First(prefix.Length)),
                    Sites = prefix.Sites ?? [.. teacher.Sites]
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
            _options.Continuations with
            {
                Truncation = student.Training.Truncation,
                BatchSize = TextPrefix.RowsTogether(_options.Continuations.BatchSize, Length),
            }, student.Precision, EmbedBase: false);
    }

    /// <summary>Runs the teacher over rows.</summary>
    /// <param name="rows">Rows as the student reads them.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to cancel.</param>
    /// <returns>The rows with what the teacher says of them.</returns>
    /// <exception cref="ArgumentException">
    /// A row does not fit behind its own text, or the student is no shorter than the longest one.
    /// </exception>
    public List<TrainingExample> Annotate(IReadOnlyList<TrainingExample> rows, Action checkAlive)
    {
        if (_column is null)
            return Annotate(rows, Prefix, _before, checkAlive);
        foreach (TrainingExample row in rows)
            CheckRoom(row);
        _contexts.AddRange(rows.Select(row => row.Context));
        if (rows.Count > 0)
            CheckStudent($"the {Length} of the longest text in column '{_column}'");
        var annotated = new TrainingExample[rows.Count];
        bool isReadOnce = !_frozen.Model.Spec.IsEncoderDecoder;
        foreach (IGrouping<RowContext?, int> places in Enumerable.Range(0, rows.Count)
            .GroupBy(place => rows[place].Context))
        {
            checkAlive();
            int[] ids = places.Key?.Ids ?? [];
            Prefix? prefix = isReadOnce && ids.Length > 0
                ? TextPrefix.Read(_frozen, ids, _options.Student.Training.MaxTokensPerPass) : null;
            List<TrainingExample> own = Annotate([.. places.Select(place => rows[place])], prefix,
                isReadOnce ? [] : ids, checkAlive);
            foreach ((int place, TrainingExample row) in places.Zip(own))
                annotated[place] = row;
        }
        return [.. annotated];
    }

    /// <summary>What was distilled, for the summary.</summary>
    /// <param name="student">Tokens of the student.</param>
    public DistillationSummary Summary(int student) => new(Length, student, _options.Temperature, _options.TopK);

    private List<TrainingExample> Annotate(IReadOnlyList<TrainingExample> rows, Prefix? prefix, int[] before,
        Action checkAlive)
    {
        int[] front = [.. _opening.OfRow(prefix is { Convention.HoldsBeginToken: true }), .. before];
        using PrefixTensors? tensors = prefix is null ? null : PrefixTensors.Make(prefix, _frozen.Model);
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
        return pass.Annotate(rows, [.. rows.Select(row => row.BehindContext().Behind(front))]);
    }

    private void CheckRoom(TrainingExample row)
    {
        if (row.Context is not { } context)
            return;
        // An encoder reads targets in a window of their own.
        int own = TextPrefix.Length(_frozen, row.Asked) + context.Ids.Length - context.Length
            + (_frozen.Model.Spec.IsEncoderDecoder ? 0 : row.Target.Length);
        int most = _frozen.Model.Spec.ContextLength - own;
        if (context.Length > most)
        {
            throw new ArgumentException($"{row.Place}, column '{_column}': expected at most {Math.Max(0, most)} tokens"
                + $" in front of a row of {own} in a context window of {_frozen.Model.Spec.ContextLength}, found"
                + $" {context.Length}.");
        }
    }

    private void CheckStudent(string teacher)
    {
        PrefixOptions student = _options.Student.Prefix;
        // What takes no tokens is neither shorter nor longer.
        if (student.Method is MemoryMethod || Prefix is { IsMemory: true })
            return;
        int length = student.Start is PrefixValuesStart start ? start.Prefix.Length : student.Length;
        if (length >= Length)
        {
            throw new ArgumentException(
                $"Student.Prefix.Length: expected fewer tokens than {teacher}, found {length}.", "options");
        }
    }

    /// <summary>Whether a student has keys and values of its own, in the teacher's place.</summary>
    private static bool CanStartAs(Prefix teacher, PrefixOptions student) =>
        student.Parametrization.TakesStart && student.Method switch
        {
            EveryLayerMethod => !teacher.IsInfix && !teacher.IsMemory,
            InfixMethod => teacher.IsInfix,
            _ => false,
        };

    private string Identity()
    {
        // A text says all; the keys and values it gives may differ in their last bits from machine to machine.
        string teacher = _column is not null ? $"rows' own texts {OfContexts()}"
            : _text.Length > 0 ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_text)))
            : Prefix!.Hash();
        string kept = _options.TopK == 0 ? "all tokens"
            : _options.TopK.ToString(CultureInfo.InvariantCulture) + " tokens";
        return $"{kept} of {teacher}";
    }

    private string OfContexts()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int[] ids in _contexts.Select(context => context?.Ids ?? []))
        {
            hash.AppendData(BitConverter.GetBytes(ids.Length));
            hash.AppendData(MemoryMarshal.AsBytes(ids.AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static Prefix Read(FrozenBase frozen, string text, int tokensPerPass)
    {
        int[] ids = new Opening(frozen.Tokenizer, frozen.Model.Spec).TextIds(text);
        int length = TextPrefix.Length(frozen, ids);
        if (length >= frozen.Model.Spec.ContextLength)
            throw new ArgumentException(
                "Teacher: expected a text of fewer tokens than the base's context of"
                    + $" {frozen.Model.Spec.ContextLength}, found {length}. Of a longer document each row may have the"
                    + " part that it is about (SelfStudy.Write, PrefixTeacher.FromColumn).", "teacher");
        return TextPrefix.Read(frozen, ids, tokensPerPass);
    }

    /// <summary>The text of the first row, with which a student starts.</summary>
    private static string First(IDataView rows, string column)
    {
        DataViewSchema.Column teacher = TextColumns.One(rows.Schema, column, "teacher");
        using DataViewRowCursor cursor = rows.GetRowCursor([teacher]);
        Func<string[]> read = ColumnTexts.GetReader(cursor, teacher);
        return cursor.MoveNext() ? read()[0] : "";
    }

    private static Prefix Fitting(FrozenBase frozen, Prefix prefix)
    {
        frozen.Check(prefix);
        return prefix;
    }
}
