using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>The forms of chats that are known.</summary>
internal static class ChatForms
{
    private const string System = ChatTemplate.DefaultSystem, Any = ChatTemplate.Anything;

    private const string MustAlternate = "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        + "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}";

    private const string ImTurn =
        "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}";

    private const string ImReply = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private const string ImDefault = "{{ '<|im_start|>system\\n" + System + "<|im_end|>\\n' }}";

    private const string HeaderTurns = "{% set loop_messages = messages %}{% for message in loop_messages %}"
        + "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
        + " + message['content'] | trim + '<|eot_id|>' %}"
        + "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}";

    private const string HeaderReply = "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}";

    private const string GemmaTurns = "{% if messages[0]['role'] == 'system' %}"
        + "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}" + MustAlternate
        + "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
        + "{% set role = message['role'] %}{% endif %}"
        + "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}";

    private const string PhiTurns = "{% for message in messages %}"
        + "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}";

    private const string PhiReply = "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}";

    private const string PhiPairs = "{% for message in messages %}{% if (message['role'] == 'user') %}"
        + "{{ '<|user|>\\n' + message['content'] + '<|end|>\\n<|assistant|>\\n' }}"
        + "{% elif (message['role'] == 'assistant') %}{{ message['content'] + '<|end|>\\n' }}{% endif %}{% endfor %}";

    private static readonly ChatForm Phi3 = new()
    {
        Name = "Phi-3",
        Written =
        [
            PhiTurns + PhiReply + "{% else %}{{ eos_token }}{% endif %}",
            "{{ bos_token }}" + PhiTurns + PhiReply + "{% else %}{{ eos_token }}{% endif %}",
            PhiTurns + PhiReply + "{% endif %}",
            "{% for message in messages %}" + PhiTurnOf("{% if", "system") + PhiTurnOf("{% elif", "user")
                + PhiTurnOf("{% elif", "assistant") + "{% endif %}{% endfor %}" + PhiReply
                + "{% else %}{{ eos_token }}{% endif %}",
        ],
        System = new("<|system|>\n", "<|end|>\n"),
        User = new("<|user|>\n", "<|end|>\n"),
        Assistant = new("<|assistant|>\n", "<|end|>\n"),
        Reply = "<|assistant|>\n",
        Begin = "<s>",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ChatForm> All { get; } =
    [
        new()
        {
            Name = "ChatML",
            Written =
            [
                "{% for message in messages %}" + ImTurn + "{% endfor %}" + ImReply,
                // SmolLM2, Qwen 2.
                "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}" + ImDefault
                    + "{% endif %}" + ImTurn + "{% endfor %}" + ImReply,
                // Qwen 2.5, in which the system message of chats with tools is another one.
                "{% if tools %}" + Any + "{% else %}{% if messages[0]['role'] == 'system' %}"
                    + "{{ '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}{% else %}" + ImDefault
                    + "{% endif %}{% endif %}{% for message in messages %}{% if (message.role == 'user') or "
                    + "(message.role == 'system' and not loop.first) or "
                    + "(message.role == 'assistant' and not message.tool_calls) %}" + ImTurn
                    + "{% elif message.role == 'assistant' %}" + Any + "{% endfor %}" + ImReply,
            ],
            System = new("<|im_start|>system\n", "<|im_end|>\n"),
            User = new("<|im_start|>user\n", "<|im_end|>\n"),
            Assistant = new("<|im_start|>assistant\n", "<|im_end|>\n"),
            Reply = "<|im_start|>assistant\n",
        },
        new()
        {
            Name = "Llama 3",
            Written =
            [
                HeaderTurns + HeaderReply,
                HeaderTurns + "{% if add_generation_prompt %}" + HeaderReply + "{% endif %}",
            ],
            System = new("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
            User = new("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
            Assistant = new("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
            Reply = "<|start_header_id|>assistant<|end_header_id|>\n\n",
            Begin = "<|begin_of_text|>",
            Trims = true,
        },
        new()
        {
            Name = "Gemma",
            Written = [GemmaTurns, "{{ bos_token }}" + GemmaTurns],
            User = new("<start_of_turn>user\n", "<end_of_turn>\n"),
            Assistant = new("<start_of_turn>model\n", "<end_of_turn>\n"),
            Reply = "<start_of_turn>model\n",
            Begin = "<bos>",
            Trims = true,
            Alternates = true,
        },
        new()
        {
            Name = "Mistral",
            Written =
            [
                "{{ bos_token }}{% for message in messages %}" + MustAlternate + "{% if message['role'] == 'user' %}"
                    + "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
                    + "{{ message['content'] + eos_token }}{% else %}"
                    + "{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}",
            ],
            User = new("[INST] ", " [/INST]"),
            Assistant = new("", "</s>"),
            Begin = "<s>",
            Alternates = true,
        },
        new()
        {
            Name = "Llama 2",
            Written =
            [
                "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
                    + "{% set system_message = messages[0]['content'] %}{% else %}"
                    + "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
                    + "{% for message in loop_messages %}" + MustAlternate
                    + "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + "
                    + "system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
                    + "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
                    + "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
                    + "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}"
                    + "{% endif %}{% endfor %}",
            ],
            System = new("<<SYS>>\n", "\n<</SYS>>\n\n"),
            SystemIsInside = true,
            User = new("<s>[INST] ", " [/INST]"),
            Assistant = new(" ", " </s>"),
            Begin = "<s>",
            Trims = true,
            Alternates = true,
        },
        Phi3,
        Phi3 with
        {
            Name = "Phi-3 without system messages",
            Written = [PhiPairs, "{{ bos_token }}" + PhiPairs],
            System = null,
            Alternates = true,
        },
    ];

    private static string PhiTurnOf(string opens, string role) => opens + " message['role'] == '" + role
        + "' %}{{ '<|" + role + "|>\\n' + message['content'] + '<|end|>\\n' }}";
}
