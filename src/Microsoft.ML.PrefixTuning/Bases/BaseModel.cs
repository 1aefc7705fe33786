using System;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Text.Files;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Where a frozen base model is read from. Nothing is opened before a model is needed.</summary>
public sealed partial record BaseModel
{
    internal const string ApplicationFolder = "base-models";

    private BaseModel(string path) => Path = path;

    /// <summary>The full path of the folder or of the <c>.gguf</c> file.</summary>
    public string Path { get; }

    /// <summary>
    /// How the text of a GGUF file's model is cut, where the file does not say or says it wrongly: <c>gpt-2</c>,
    /// <c>smollm</c>, <c>llama-bpe</c> (Llama 3), <c>qwen2</c>, <c>gpt-4o</c>, <c>dbrx</c>, <c>smaug-bpe</c> or
    /// <c>refact</c>; null for what the file says.
    /// </summary>
    public string? PreTokenizer => Rules.PreTokenizer;

    /// <summary>By which rules texts become tokens and end.</summary>
    internal TextRules Rules { get; init; } = TextRules.Latest;

    /// <summary>
    /// A model in Hugging Face's layout: <c>config.json</c>, <c>model.safetensors</c> (or its shards and their index)
    /// and the tokenizer's files.
    /// </summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty.</exception>
    public static BaseModel FromFolder(string path) => new(Full(path));

    /// <summary>A model in a GGUF file, tokenizer included.</summary>
    /// <param name="path">The file; of one that is split, the first part, which has the others beside it.</param>
    /// <param name="preTokenizer">
    /// How text is cut before its pieces become tokens (<c>tokenizer.ggml.pre</c>), for files that do not say:
    /// <c>gpt-2</c>, <c>smollm</c>, <c>llama-bpe</c> (Llama 3), <c>qwen2</c>, <c>gpt-4o</c>, <c>dbrx</c>,
    /// <c>smaug-bpe</c> or <c>refact</c>. Null for what the file says. A saved model keeps it.
    /// </param>
    /// <exception cref="ArgumentException">
    /// <paramref name="path"/> is empty, or <paramref name="preTokenizer"/> is none of the names.
    /// </exception>
    public static BaseModel FromGguf(string path, string? preTokenizer = null) =>
        preTokenizer is null || GgufPreTokenizer.IsKnown(preTokenizer)
            ? new(Full(path)) { Rules = TextRules.Latest with { PreTokenizer = preTokenizer } }
            : throw new ArgumentException($"expected a pre-tokenizer of {GgufPreTokenizer.Names}, found "
                + $"{FileText.Quote(preTokenizer)}.", nameof(preTokenizer));

    /// <summary>
    /// A GGUF file in <c>base-models/&lt;name&gt;</c> beside the application, where the packages of base models put
    /// theirs.
    /// </summary>
    /// <param name="name">The model's folder.</param>
    /// <param name="file">The file in that folder.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> or <paramref name="file"/> is empty.</exception>
    public static BaseModel FromBesideApplication(string name, string file)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(file);
        return new(System.IO.Path.Combine(AppContext.BaseDirectory, ApplicationFolder, name, file));
    }

    /// <summary>
    /// The base's tokenizer, without its weights: a <see cref="PretrainedTokenizer"/>, by the rules that rows become
    /// tokens by. Read anew by each call.
    /// </summary>
    /// <exception cref="System.IO.DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="System.IO.FileNotFoundException">There is no such file, or no tokenizer.</exception>
    /// <exception cref="FormatException">A file contradicts itself or the model.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of a kind that is not read here.</exception>
    public Tokenizer OpenTokenizer() => BaseTokenizers.Open(Path, Rules);

    /// <summary>
    /// The base's chat template around one message of the user, as a template of rows
    /// (<see cref="PrefixTuningOptions.Template"/>): with it training, rows and chats have one form. Read anew by each
    /// call.
    /// </summary>
    /// <exception cref="InvalidOperationException">The base has none.</exception>
    /// <exception cref="NotSupportedException">It is none of those known, or the tokenizer is not read here.
    /// </exception>
    /// <inheritdoc cref="OpenTokenizer"/>
    /// <example>
    /// <code>
    /// var options = new PrefixTuningOptions { Template = SmolLM2.Instruct135M.OpenChatTemplate() };
    /// </code>
    /// </example>
    public string OpenChatTemplate()
    {
        PretrainedTokenizer tokenizer = BaseTokenizers.Open(Path, Rules);
        string written = tokenizer.ChatTemplate ?? throw new InvalidOperationException($"Base model '{Path}': expected"
            + " a chat template (chat_template in tokenizer_config.json, chat_template.jinja, or"
            + " tokenizer.chat_template in a GGUF file), found none.");
        return ChatTemplate.Read(written).OfRows(tokenizer.Prologue.Count > 0);
    }

    private static string Full(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return System.IO.Path.GetFullPath(path);
    }
}
