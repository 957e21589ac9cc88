"""The script itself: what it imports, how it calls, how it is called, how it is written."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

CODE = (
    words(
        "import_error",
        r"^(ModuleNotFoundError|ImportError)\b",
        r"No module named '|cannot import name '",
        r"undefined symbol: |cannot open shared object file",
    ),
    words("syntax_error", r"^(SyntaxError|IndentationError|TabError)\b", r"yaml\.(scanner|parser)\.\w+Error"),
    words(
        "argument_error",
        r"unexpected keyword argument",
        r"got multiple values for (keyword )?argument",
        r"missing \d+ required (positional|keyword-only) arguments?",
        r"takes (from )?\d+ (to \d+ )?positional arguments?",
        r"error: (unrecognized arguments|argument |the following arguments are required|ambiguous option)",
        r"Some specified arguments are not used|[Ss]ome keys are not used|Unknown arguments? from config",
        r"must be divisible by|are mutually exclusive|is not a valid \w+, please select one of",
    ),
    words(
        "argument_error",
        r"^(ValueError|TypeError|AttributeError)\b",
        stack=r"training_args\.py|_config\.py|hf_argparser\.py|[/\\]argparse\.py|trl[/\\]scripts[/\\]utils\.py",
    ),
)
