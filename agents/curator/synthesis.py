"""From a script of the mind's to a source that can be trained on: run in the executor's sandbox, checked row by row,
held against the other sources and, through the scorer, against dev and test; kept with its provenance. Called by the
Curator's tools.

The scorer answers with counts and positions, as it does for every source; the mind is told the counts.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.curator.all_sources import sources
from agents.curator.gather import gather, trusted
from agents.curator.playbook import Ask, overlap
from agents.curator.thresholds import LEAK_WHOLE, NOISE
from protocol.data import CurateRequest
from protocol.errors import BadInput, WrongAnswer
from protocol.generation import Generated, GenerateRequest, Provenance, Synthesized
from tools import jsonl, label_noise, synthesis
from tools.examples import Example
from tools.run_source import SCRIPT, SYNTHETIC

SECONDS = 60.0
"""For the script."""


@dataclass(frozen=True)
class Author:
    """Who wrote a script."""

    role: str
    model: str


@dataclass(frozen=True)
class Wanted:
    """What the mind asks for."""

    name: str
    script: str
    args: tuple[str, ...]
    seed: int
    most_rows: int


class NotGenerated(BadInput):
    """The script gave no rows to look at; `printed` are its last words."""

    def __init__(self, why: str, printed: Sequence[str] = ()) -> None:
        self.why, self.printed = why, tuple(printed)
        super().__init__("\n".join([why, *(f"  {line}" for line in printed)]))


async def synthesise(request: CurateRequest, wanted: Wanted, ask: Ask, author: Author) -> Synthesized:
    """The rows as a source of the run, or why they are none. Raises `NotGenerated`, and `BadInput` where dev cannot be
    read or the verifier fails."""
    generated = await _generated(request, wanted, ask)
    folder = Path(request.folder)
    checked = await asyncio.to_thread(synthesis.read, Path(generated.path), request.task, wanted.most_rows)
    verifier = await asyncio.to_thread(synthesis.verify, checked, request.task, Path(request.task_folder))
    reason = await _faults(request, wanted.name, checked, Path(generated.path).stem, ask)
    provenance = Provenance(
        name=wanted.name,
        script_sha256=hashlib.sha256(wanted.script.encode(errors="backslashreplace")).hexdigest(),
        seed=wanted.seed,
        args=wanted.args,
        role=author.role,
        model=author.model,
        verifier=verifier,
        made=checked.made,
        kept=0 if reason else len(checked.examples),
        dropped=tuple(checked.dropped),
    )
    if reason:
        return Synthesized(provenance=provenance, script=wanted.script, accepted=False, reason=reason)
    rows = [dict(example.row) for example in checked.examples]
    try:
        provenance = await asyncio.to_thread(SYNTHETIC.store, folder, provenance, rows, {SCRIPT: wanted.script})
    except FileExistsError as error:
        raise NotGenerated(f"{error}: give another name") from error
    return Synthesized(provenance=provenance, script=wanted.script, accepted=True)


async def _generated(request: CurateRequest, wanted: Wanted, ask: Ask) -> Generated:
    question = GenerateRequest(
        name=wanted.name,
        script=wanted.script,
        args=wanted.args,
        seed=wanted.seed,
        seconds=SECONDS,
        folder=request.folder,
    )
    answer = await ask("generation", question)
    if not isinstance(answer, Generated):
        raise WrongAnswer("generation", "generated", answer.type)
    if answer.error:
        raise NotGenerated(answer.error, answer.printed)
    if not Path(answer.path).is_file():
        raise NotGenerated(f"the worker has put the rows at {answer.path}, on a disk that is not this one's")
    return answer


async def _faults(request: CurateRequest, name: str, checked: synthesis.Checked, stem: str, ask: Ask) -> str:
    """Drop what cannot stay; why nothing of it is kept, or an empty text."""
    if synthesis.too_wrong(checked):
        wrong = sum(one.rows for one in checked.dropped if one.fault == "wrong")
        return f"the verifier does not accept the own answers of {wrong} rows: the script computes them wrong"
    await asyncio.to_thread(synthesis.deduplicate, checked)
    others = await asyncio.to_thread(_others, request)
    dev = await asyncio.to_thread(trusted, request)
    noise = await asyncio.to_thread(_noise, name, checked.examples, others, dev)
    if noise is not None and noise.low > NOISE:
        return f"about {noise.share:.0%} of its answers are wrong (at least {noise.low:.0%}): {noise.evidence}"
    await asyncio.to_thread(synthesis.compare, checked, others, dev)
    if synthesis.contradicting(checked):
        return f"most of its {checked.compared} prompts that other sources or dev have are answered otherwise there"
    if checked.examples:
        leaking = await _leaking(request, name, checked, stem, ask)
        if leaking:
            return leaking
    return "" if checked.examples else f"no row is left of {checked.made}"


async def _leaking(request: CurateRequest, name: str, checked: synthesis.Checked, stem: str, ask: Ask) -> str:
    """Drop the rows that stand in dev or test; why none of the others is kept either, or an empty text."""
    lines = [{"prompt": one.prompt, "completion": one.completion} for one in checked.examples]
    path = Path(request.folder) / "data" / "sources" / f"{stem}-checked.jsonl"
    sha256 = await asyncio.to_thread(jsonl.write, path, lines)
    found = await overlap(ask, name, path, sha256)
    rows, gone = len(lines), set(found.drop)
    test, dev = found.test_exact + found.test_near, found.dev_exact + found.dev_near
    stays = [position not in gone for position in range(rows)]
    checked.keep_only(stays, "leaking", f"{dev} rows stand in dev, {test} in test")
    if len(gone) > LEAK_WHOLE * rows:
        return f"{len(gone)} of {rows} rows stand in dev or test, more than {LEAK_WHOLE:.0%}: it is made from them"
    return ""


def _others(request: CurateRequest) -> dict[str, Sequence[Example]]:
    """The rows of all sources that can be read."""
    read = [gather(request, source) for source in sources(request).values()]
    return {one.source.name: one.examples for one in read if one.error is None}


def _noise(
    name: str, examples: Sequence[Example], others: Mapping[str, Sequence[Example]], dev: Sequence[Example]
) -> label_noise.NoiseEstimate | None:
    return label_noise.combined({name: examples, **others}, dev).get(name)
