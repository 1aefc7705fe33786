namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>The style sheet of reports, for light and dark screens and for paper.</summary>
internal static class ReportStyle
{
    /// <summary>The sheet; it names no font or file that has to be fetched.</summary>
    public const string Sheet = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --ink: #1c2330; --soft: #5b6475; --rule: #e3e6ec;
          --s1: #2563eb; --s2: #d9600a; --s3: #0f8a7e; --s4: #8b3fd1;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14171d; --card: #1d222b; --ink: #e7eaf0; --soft: #9aa4b5; --rule: #303744;
            --s1: #6ea2ff; --s2: #ff9a4d; --s3: #3fc7b8; --s4: #c08bff;
          }
        }
        * { box-sizing: border-box; }
        body, svg text { font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
        body { margin: 0; background: var(--page); color: var(--ink); font-size: 15px; line-height: 1.5; }
        main { max-width: 860px; margin: 0 auto; padding: 40px 24px 64px; }
        h1 { margin: 0; font-size: 28px; line-height: 1.2; font-weight: 650; }
        h2 { margin: 0 0 10px; font-size: 17px; font-weight: 600; }
        .subtitle { margin: 6px 0 0; color: var(--soft); }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px; margin: 28px 0 0; }
        .figures > div, figure, section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
        .figures > div { padding: 14px 16px; }
        .figures dt { color: var(--soft); font-size: 13px; }
        .figures dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; line-height: 1.25; }
        .figures .note { font-size: 13px; font-weight: 400; color: var(--soft); }
        figure, section { margin: 18px 0 0; padding: 18px 20px; break-inside: avoid; }
        svg { display: block; width: 100%; height: auto; }
        svg text { font-size: 12px; fill: var(--soft); }
        svg .legend { fill: var(--ink); }
        .grid { stroke: var(--rule); }
        .axis { stroke: var(--soft); }
        .mark { stroke: var(--soft); stroke-dasharray: 4 4; }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .faint { stroke-width: 1.2; opacity: 0.35; }
        .backdrop { stroke: var(--soft); stroke-width: 1; opacity: 0.3; }
        .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); } .s4 { stroke: var(--s4); }
        .dot.s1 { fill: var(--s1); } .dot.s2 { fill: var(--s2); } .dot.s3 { fill: var(--s3); } .dot.s4 { fill: var(--s4); }
        circle.dot { stroke: var(--card); stroke-width: 1.5; }
        .scroll { overflow-x: auto; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 7px 0 7px 18px; text-align: right; border-top: 1px solid var(--rule); vertical-align: top; }
        td:nth-child(2):last-child { overflow-wrap: anywhere; }
        thead th { border-top: 0; color: var(--soft); font-size: 13px; font-weight: 500; }
        th:first-child, td:first-child { padding-left: 0; text-align: left; font-weight: 400; }
        .texts th, .texts td { text-align: left; white-space: pre-line; overflow-wrap: anywhere; }
        th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
        th[aria-sort="ascending"] button::after { content: " \2191"; }
        th[aria-sort="descending"] button::after { content: " \2193"; }
        pre { margin: 0; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
        .empty { margin: 0; color: var(--soft); }
        @media (max-width: 600px) {
          main { padding: 24px 12px 40px; }
          figure, section { padding: 14px; }
          /* A plot as narrow as a phone could not be read; it is moved under the finger instead. */
          figure { overflow-x: auto; }
          svg { min-width: 600px; }
          table, thead th { font-size: 13px; }
          th, td { padding-left: 8px; }
        }
        @media print { body { background: none; } main { padding: 0; } }
        """;
}
