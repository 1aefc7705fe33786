using System.Collections.Generic;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A row as it was read.</summary>
/// <param name="Place">Its file and line, for messages.</param>
/// <param name="Values">A text for each of the table's columns; null where the row has none.</param>
/// <param name="Json">The object of a JSON line.</param>
internal sealed record TableRow(string Place, IReadOnlyList<string?> Values, JsonElement? Json = null);
