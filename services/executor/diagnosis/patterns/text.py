"""Tokenizer and chat template."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

TEXT = (
    words(
        "template_error",
        r"chat_template is not set|no template argument was passed",
        r"jinja2\.exceptions\.\w+",
        r"[Cc]onversation roles must alternate",
        r"chat template .* (not|invalid|missing)",
    ),
    words(
        "tokenizer_error",
        r"does not have a padding token|[Pp]adding token .*(not|missing)",
        r"[Uu]nable to create tensor, you should probably activate (truncation|padding)",
        r"instantiate the backend tokenizer",
        r"Tokenizer class .* (does not exist|not found|is not currently imported)",
        r"Can't load tokenizer for",
        r"Unrecognized (configuration class .* to build an AutoTokenizer|tokenizer)",
        r"^Exception: (data did not match any variant|.* at line \d+ column \d+)",  # of the tokenizers' Rust
        r"index out of range in self",  # of an embedding: a token that the model does not have
        r"eos_token.* (is not found in the vocabulary|not in the vocabulary)",
    ),
    words(
        "tokenizer_error",
        r"^[\w.]*(Error|Exception)\b",
        stack=r"tokenization_\w+\.py",
    ),
)
