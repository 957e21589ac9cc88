"""Shows a mixture before it is submitted, and rows in the formats of TRL."""

from __future__ import annotations

from collections import Counter

from pydantic import Field

from agents.curator.choices import Choices, planned
from agents.curator.tools import rows
from agents.form import BadForm
from protocol.data import TrlFormat
from tools import trl_formats
from tools.arguments import Arguments
from tools.tool import Desk, Tool, ToolFault

SHOWN = 2


class ShowFormat(Arguments):
    source: str
    format: TrlFormat
    conversational: bool = False
    """Lists of messages with `role` and `content`; else plain texts."""
    rejected_column: str = Field(default="rejected", min_length=1)
    """Preference only: the column with the worse answer."""


async def _preview(given: Choices, desk: Desk) -> str:
    try:
        plan = await planned(rows.request(desk), given, desk.ask, "preview")
    except BadForm as error:
        raise ToolFault(str(error)) from error
    lines = [plan.summary, *(f"- {one.source}, {one.fault}: {one.rows} rows; {one.reason}" for one in plan.rejected)]
    lines += [f"- {one.format}: {one.rows} rows, {one.left_out} left out" for one in plan.mixture.converted]
    return "\n".join(lines)


async def _show(given: ShowFormat, desk: Desk) -> str:
    examples = (await rows.read(desk, given.source)).examples
    faults, fit = Counter[str](), []
    for one in examples:
        record = {"prompt": one.prompt, "completion": one.completion, "answer": one.answer, "row": one.row}
        made = trl_formats.convert(
            record, given.format, conversational=given.conversational, rejected=given.rejected_column
        )
        why = f"no other answer in {given.rejected_column!r}" if made is None else trl_formats.fault(made, given.format)
        if why is not None:
            faults[why] += 1
        elif made is not None:
            fit.append(made)
    lines = [f"{len(fit)} of {len(examples)} rows are {given.format} rows as TRL reads them", *map(str, fit[:SHOWN])]
    return "\n".join([*lines, *(f"{count} are not: {why}" for why, count in faults.most_common(5))])


PREVIEW_MIXTURE = Tool(
    "preview_mixture",
    "The plan that code would make of these choices: rows of each source, what is left out and why, whether it is "
    "clean. Nothing is trained on it: submit the same choices for that.",
    Choices,
    _preview,
    seconds=300.0,
    outside=True,
)
SHOW_FORMAT = Tool(
    "show_format",
    "Rows of a source in a dataset format of TRL (prompt_completion, messages, preference, prompt_only), checked.",
    ShowFormat,
    _show,
    outside=True,
)
