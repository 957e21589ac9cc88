"""The rows of a mixture in the dataset types of TRL 1.16, checked as TRL reads them. Called by the curator.

https://huggingface.co/docs/trl/dataset_formats: columns `prompt`, `completion` (prompt-completion), `messages`
(conversational language modelling), `prompt`, `chosen`, `rejected` (preference), `prompt` (prompt-only). Standard
formats hold texts, conversational ones lists of `{"role", "content"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from protocol.data import TrlFormat

FORMATS: tuple[TrlFormat, ...] = get_args(TrlFormat)
COLUMNS: dict[TrlFormat, tuple[str, ...]] = {
    "prompt_completion": ("prompt", "completion"),
    "messages": ("messages",),
    "preference": ("prompt", "chosen", "rejected"),
    "prompt_only": ("prompt",),
}
BESIDE = "answer"
"""Of prompt-only rows: what a reward function compares with. TRL passes further columns on to it."""
_LAST_SPEAKER = {"prompt": "user", "messages": "assistant"}
_ROLES = ("system", "user", "assistant", "tool")


def convert(
    record: Mapping[str, Any], format: TrlFormat, *, conversational: bool = False, rejected: str = "rejected"
) -> dict[str, Any] | None:
    """One row of a mixture (`prompt`, `completion`, `answer`, `row`) in a format; None where it has no such form:
    preference needs a column `rejected` of the row with another answer. `messages` is conversational in any case."""
    prompt, completion = str(record["prompt"]), str(record["completion"])
    if format == "messages":
        return {"messages": [_said("user", prompt), _said("assistant", completion)]}
    asked: object = [_said("user", prompt)] if conversational else prompt
    if format == "prompt_only":
        return {"prompt": asked, BESIDE: str(record["answer"])}
    if format == "prompt_completion":
        return {"prompt": asked, "completion": _answer(completion, conversational)}
    worse = (record.get("row") or {}).get(rejected)
    if worse is None or not str(worse).strip() or str(worse).strip() == completion.strip():
        return None
    lead = completion[: len(completion) - len(completion.lstrip())]  # of the answer's template: both begin alike
    return {
        "prompt": asked,
        "chosen": _answer(completion, conversational),
        "rejected": _answer(lead + str(worse).strip(), conversational),
    }


def fault(row: Mapping[str, Any], format: TrlFormat) -> str | None:
    """Why TRL would not take the row as one of this type, or None."""
    wanted = COLUMNS[format]
    extra = set(row) - set(wanted) - ({BESIDE} if format == "prompt_only" else set())
    missing = [name for name in wanted if name not in row]
    if missing or extra:
        what = f"no {', '.join(missing)}" if missing else f"{', '.join(sorted(extra))} too much"
        return f"{format} has the columns {', '.join(wanted)}: {what}"
    kinds = {isinstance(row[name], list) for name in wanted}
    if len(kinds) > 1:
        return "texts and lists of messages are mixed in one row"
    if format == "messages" and kinds != {True}:
        return "messages is no list"
    return next((why for name in wanted if (why := _value_fault(name, row[name])) is not None), None)


def _value_fault(name: str, value: object) -> str | None:
    if isinstance(value, str):
        return None if value.strip() else f"{name} is blank"
    if not isinstance(value, list) or not value:
        return f"{name} is neither a text nor a list of messages"
    for message in value:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            return f"a message of {name} has not just `role` and `content`"
        if message["role"] not in _ROLES:
            return f"{name} has the role {message['role']!r}: it is one of {', '.join(_ROLES)}"
        if not isinstance(message["content"], str) or not message["content"].strip():
            return f"a message of {name} is blank"
    last = _LAST_SPEAKER.get(name, "assistant")
    if value[-1]["role"] != last:
        return f"the last message of {name} is not the {last}'s"
    return None


def _answer(text: str, conversational: bool) -> object:
    return [_said("assistant", text)] if conversational else text


def _said(role: str, text: str) -> dict[str, str]:
    """A message: the chat template has its own white space."""
    return {"role": role, "content": text.strip()}
