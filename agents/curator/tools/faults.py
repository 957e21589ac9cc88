"""What is wrong with a source: repeated rows, rows that stand in dev or test, wrong answers. Of the test split it has
counts and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from agents.curator.all_sources import sources
from agents.curator.gather import gather, trusted
from agents.curator.playbook import overlap
from agents.curator.tools import rows
from protocol.data import CurateRequest
from protocol.errors import BadInput
from tools import contamination, duplicates, label_noise
from tools.arguments import Arguments
from tools.examples import Example
from tools.tool import Desk, Tool, ToolFault

_Readable = Mapping[str, Sequence[Example]]


class OneSource(Arguments):
    source: str
    examples: int = Field(default=3, ge=0, le=10)
    """Shown of each fault."""


async def _duplicates(given: OneSource, desk: Desk) -> str:
    examples = (await rows.read(desk, given.source)).examples
    return await asyncio.to_thread(_told_duplicates, examples, given.examples)


def _told_duplicates(examples: Sequence[Example], shown: int) -> str:
    found = duplicates.find(examples)
    lines = [
        f"{len(examples)} rows; {len(found.exact)} repeat an earlier one exactly, {found.near_estimate} nearly"
        + (f" ({found.note})" if found.note else "")
    ]
    for kind, positions in (("exactly", found.exact), ("nearly", found.near)):
        for position in positions[:shown]:
            first = duplicates.original(examples, position)
            lines.append(f"{kind}: {position}: {rows.line(examples[position])}")
            if first is not None:
                lines.append(f"  repeats {first}: {rows.line(examples[first])}")
    return "\n".join(lines)


async def _contamination(given: OneSource, desk: Desk) -> str:
    read = await rows.read(desk, given.source)
    found = await overlap(desk.ask, given.source, read.path, read.sha256)
    lines = [
        f"{found.rows} rows; in dev {found.dev_exact} exactly and {found.dev_near} by a shared run of 8 words; in test "
        f"{found.test_exact} exactly and {found.test_near} so. All of them are dropped from a mixture. Which stand in "
        "test is not told."
    ]
    dev = await asyncio.to_thread(_dev, rows.request(desk))
    mine = [example.prompt for example in read.examples]
    in_dev = await asyncio.to_thread(contamination.overlap, mine, [example.prompt for example in dev])
    lines += ["in dev, for instance:", rows.told(read.examples, in_dev.drop[: given.examples])] * bool(in_dev.drop)
    return "\n".join(lines)


async def _noise(given: OneSource, desk: Desk) -> str:
    await rows.read(desk, given.source)  # the fault of an unknown or unreadable one is told
    return await asyncio.to_thread(_told_noise, rows.request(desk), given)


def _told_noise(request: CurateRequest, given: OneSource) -> str:
    read = [gather(request, source) for source in sources(request).values()]
    known = {one.source.name: one.examples for one in read if one.error is None}
    dev = _dev(request)
    estimate = label_noise.combined(known, dev).get(given.source)
    if estimate is None:
        head = "no evidence: too few prompts are answered twice, and the answers are not few classes"
    else:
        head = f"about {estimate.share:.1%} of its answers are wrong (at least {estimate.low:.1%}): {estimate.evidence}"
    return "\n".join([head, *_disputed(given, known, dev)])


def _disputed(given: OneSource, known: _Readable, dev: Sequence[Example]) -> Iterator[str]:
    """Rows that are answered otherwise elsewhere, and where."""
    answers: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for name, examples in (*known.items(), ("dev", dev)):
        for example in examples:
            answers[example.key][(example.answer_key, name)] += 1
    shown = 0
    for position, example in enumerate(known[given.source]):
        others = [(answer, name) for answer, name in answers[example.key] if answer != example.answer_key]
        if others and shown < given.examples:
            shown += 1
            told = ", ".join(f"{name} says {answer[: rows.TEXT]!r}" for answer, name in others[:3])
            yield f"{position}: {rows.line(example)}; {told}"


def _dev(request: CurateRequest) -> list[Example]:
    try:
        return trusted(request)
    except BadInput as error:
        raise ToolFault(str(error)) from error


FIND_DUPLICATES = Tool(
    "find_duplicates",
    "Rows of a source that repeat an earlier one, exactly or nearly (MinHash, Jaccard 0.9), each beside it.",
    OneSource,
    _duplicates,
    seconds=120.0,
    outside=True,
)
CHECK_CONTAMINATION = Tool(
    "check_contamination",
    "How many rows of a source stand in dev and in test (exactly, or by 8 words in a row); of dev with examples.",
    OneSource,
    _contamination,
    seconds=120.0,
    outside=True,
)
FIND_LABEL_NOISE = Tool(
    "find_label_noise",
    "The share of wrong answers in a source, with the evidence, and rows that other sources or dev answer otherwise.",
    OneSource,
    _noise,
    seconds=120.0,
    outside=True,
)
