using System;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// Templates of the command line: a text, or a name that stands for one of the base's. No text is taken for a name: it
/// has the place of the input.
/// </summary>
/// <param name="baseModel">Gives the base; asked where there is a name, and read once then.</param>
internal sealed class NamedTemplate(Func<BaseModel> baseModel)
{
    /// <summary>Stands for the base's chat template.</summary>
    public const string Chat = "@chat";

    private string? _chat;

    /// <summary>The text that is meant.</summary>
    /// <param name="template">As the command line has it; null where it has none.</param>
    /// <exception cref="UsageException">The base has no chat template, or none that is known.</exception>
    public string? Of(string? template) => template == Chat ? _chat ??= Open() : template;

    private string Open()
    {
        try
        {
            return baseModel().OpenChatTemplate();
        }
        catch (Exception fault) when (fault is InvalidOperationException or NotSupportedException)
        {
            throw new UsageException($"--template {Chat}: {fault.Message}");
        }
    }
}
