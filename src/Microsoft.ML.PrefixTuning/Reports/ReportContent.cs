using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>What a report shows: a title, key figures, plots, tables. All text is plain text.</summary>
/// <param name="Title">The report's title.</param>
internal sealed record ReportContent(string Title)
{
    /// <summary>A line under the title, such as model and date; may be empty.</summary>
    public string Subtitle { get; init; } = "";

    /// <summary>The few figures that matter most, shown large.</summary>
    public IReadOnlyList<KeyFigure> KeyFigures { get; init; } = [];

    /// <summary>Plots, in their order.</summary>
    public IReadOnlyList<LinePlot> Plots { get; init; } = [];

    /// <summary>Tables, below the plots.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>Lines to be copied, below the tables.</summary>
    public IReadOnlyList<ReportListing> Listings { get; init; } = [];
}

/// <summary>A figure that is shown large.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">The figure with its unit.</param>
/// <param name="Note">What to compare it with; may be empty.</param>
internal sealed record KeyFigure(string Name, string Value, string Note = "");

/// <summary>A table; its first column names the rows, the others hold figures.</summary>
/// <param name="Title">The table's title.</param>
/// <param name="Columns">Headings; none are shown where all are empty.</param>
/// <param name="Rows">Cells, as many a row as there are headings.</param>
internal sealed record ReportTable(string Title, IReadOnlyList<string> Columns,
    IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Whether a reader can sort it by a column; a script does that.</summary>
    public bool IsSortable { get; init; }

    /// <summary>Whether its cells are texts and no figures.</summary>
    public bool IsText { get; init; }
}

/// <summary>Lines to be copied.</summary>
/// <param name="Title">What they are.</param>
/// <param name="Text">The lines.</param>
internal sealed record ReportListing(string Title, string Text);

/// <summary>Lines over a common axis.</summary>
/// <param name="Title">The plot's title.</param>
/// <param name="XTitle">What is to the right, with its unit.</param>
/// <param name="YTitle">What is upwards, with its unit.</param>
/// <param name="Lines">At most four beside the backdrop can be told apart by colour.</param>
internal sealed record LinePlot(string Title, string XTitle, string YTitle, IReadOnlyList<PlotLine> Lines)
{
    /// <summary>Places on the horizontal axis to point out.</summary>
    public IReadOnlyList<PlotMark> Marks { get; init; } = [];

    /// <summary>Whether the vertical axis begins at 0.</summary>
    public bool FromZero { get; init; }
}

/// <summary>A line.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">Points from left to right; one that is not finite leaves a gap.</param>
/// <param name="Style">How it is drawn.</param>
internal sealed record PlotLine(string Name, IReadOnlyList<PlotPoint> Points, PlotStyle Style = PlotStyle.Plain);

/// <summary>A point of a line.</summary>
internal readonly record struct PlotPoint(double X, double Y);

/// <summary>A place on the horizontal axis.</summary>
internal sealed record PlotMark(double X, string Name);

/// <summary>How a line is drawn.</summary>
internal enum PlotStyle
{
    /// <summary>As a line.</summary>
    Plain,

    /// <summary>As a thin pale line, for values that scatter.</summary>
    Faint,

    /// <summary>As a line with a dot at every point, for values that are few.</summary>
    Dotted,

    /// <summary>As a thin grey line below all others and without a name, for what they are compared with.</summary>
    Backdrop,
}
