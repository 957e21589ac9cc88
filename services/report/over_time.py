"""The report over time: the score, beside floor, target and what shipped; and what the device did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from protocol.ledger import Ledger
from services.report.facts import is_floor, is_trial
from services.report.forked import pauses
from services.report.page import Bar, Cell, Chart, Mark, Paragraph, Section, Table, Timeline, table
from services.report.sources import Sources


def over_time(ledger: Ledger, sources: Sources) -> Section | None:
    """Dev scores in the order in which they came in, beside the best admitted up to then."""
    found = marks(ledger, lambda name: sources.anchor(("scored", name)))
    if not found:
        return None
    levels = [("floor: the untouched base model", ledger.floor.score.value)] if ledger.floor else []
    if ledger.brief and ledger.brief.task.target is not None:
        levels.append(("target", ledger.brief.task.target))
    last, dead = found[-1], pauses(ledger)
    told = (
        f"{len(found)} candidates were scored on dev in {last.minutes:.1f} minutes; "
        f"the best of them got {max(mark.value for mark in found):.3f}. "
        + ", ".join(f"{name}: {value:.3f}" for name, value in levels)
        + "".join(f"; {pause.word} at minute {minutes(ledger, pause.at):.1f}" for pause in dead)
    )
    chart = Chart(
        "Dev score of each candidate, with its 95 % interval",
        told,
        tuple(found),
        over_time=True,
        ships=tuple(ships(ledger)),
        lines=tuple(levels),
        breaks=tuple((minutes(ledger, pause.at), pause.word) for pause in dead),
    )
    explained = Paragraph(
        (
            "Each point is a candidate, scored on the dev split; the step line is the score of what stands in ",
            "final_model/ at that moment, which only ever changes to what the gate admitted.",
            " At a dotted line the run stopped; it went on from its journal." if dead else "",
        )
    )
    return Section("The score over time", (explained, chart, _table(ledger, found, sources)))


def minutes(ledger: Ledger, at: float) -> float:
    """Minutes of work up to a moment (Unix time); time in which the run was dead does not count."""
    return sum(max(0.0, min(at, last) - begun) for begun, last in ledger.sessions) / 60


def marks(ledger: Ledger, anchor: Callable[[str], str] = lambda name: "") -> list[Mark]:
    """Each candidate's dev score at its time, in the order in which they came in; `anchor` says where a candidate's
    score is explained."""
    found = []
    for name, scored in ledger.scored.items():
        origin = ledger.origins.get(("scored", name))
        if scored.score.failed or origin is None:
            continue
        trial = is_floor(ledger, name) or is_trial(ledger, name)
        kind = "base" if trial else "shipped" if name in _admitted(ledger) else "tried"
        score, at = scored.score, minutes(ledger, origin.time.timestamp())
        found.append(Mark(name, score.value, score.low, score.high, kind, at, anchor(name)))  # type: ignore[arg-type]
    return found


def _admitted(ledger: Ledger) -> set[str]:
    return {verdict.candidate for verdict in ledger.verdicts if verdict.admitted}


def ships(ledger: Ledger) -> list[tuple[float, float]]:
    """(minutes, score) at each change of `final_model/`."""
    steps = []
    for shipped in ledger.shipped:
        origin, scored = ledger.origins.get(("shipped", shipped.candidate)), ledger.scored.get(shipped.candidate)
        if origin and scored:
            steps.append((minutes(ledger, origin.time.timestamp()), scored.score.value))
    return steps


def _table(ledger: Ledger, marks: list[Mark], sources: Sources) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for mark in marks:
        figure = sources.figure(ledger.scored[mark.label].score, ("scored", mark.label))
        items = str(ledger.scored[mark.label].score.n)
        rows.append((f"{mark.minutes:.1f}", mark.label, figure, items, "admitted" if mark.kind == "shipped" else ""))
    return table(("minute", "candidate", "dev score [95 %]", "items", "gate"), rows)


def device(ledger: Ledger) -> Timeline | None:
    """When each experiment's job ran."""
    bars = []
    for name, entry in ledger.entries.items():
        begun, ended = ledger.origins.get(("job_accepted", name)), ledger.origins.get(("job_end", name))
        if begun is None or ended is None or ended.time < begun.time:
            continue
        kind: Literal["good", "bad", "other"] = "bad" if entry.status in ("failed", "killed") else "other"
        kind = "good" if entry.verdict == "promote" else kind
        first, last = (minutes(ledger, said.time.timestamp()) for said in (begun, ended))
        bars.append(Bar(name, first, last, kind))
    if not bars:
        return None
    end = max(minutes(ledger, ledger.sessions[-1][1]), *(bar.end for bar in bars)) if ledger.sessions else bars[-1].end
    told = "; ".join(f"{bar.label} from minute {bar.begin:.1f} to {bar.end:.1f}" for bar in bars)
    return Timeline("Training jobs, by minutes since the run began", told, tuple(bars), end)
