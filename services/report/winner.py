"""The report on what ships: the verdict in one sentence, its scores beside the baselines', and why it won."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from protocol.critique import Verdict as GateVerdict
from protocol.ledger import Ledger
from protocol.origin import Key
from protocol.score import Score
from services.report.experiments import ledger_gate
from services.report.facts import (
    best_few_shot,
    checks,
    compared,
    dev_score,
    is_floor,
    noise,
    rivals,
    strategy,
    test_score,
    verdict_on,
    winner,
)
from services.report.forked import parent, pauses, read_how_often
from services.report.over_time import minutes
from services.report.page import (
    Block,
    Bullets,
    Cell,
    Chart,
    Code,
    Item,
    Mark,
    Paragraph,
    Section,
    Spans,
    Strong,
    Verdict,
    table,
)
from services.report.sources import Sources

Kind = Literal["good", "so_so", "bad", "open"]
RIGHT = ("exact_match", "numeric", "multiple_choice")
"""Metrics of which an item is right or wrong."""


def result(ledger: Ledger, final_model: str, sources: Sources) -> Section:
    """The first screen: what came of it, beside what there was before."""
    name = winner(ledger)
    if name is None:
        told: Spans = ("The run has not banked its floor yet: there is no model.",)
        return Section("", (Verdict("open", "No result yet.", told),))
    marks = _marks(ledger, name, sources)
    chart = Chart(
        "What ships, beside what there was before",
        "; ".join(f"{mark.label}: {mark.value:.3f}" for mark in marks),
        tuple(marks),
        over_time=False,
        lines=_target(ledger),
    )
    where = ledger.ended.final_model if ledger.ended else final_model
    blocks: list[Block] = [
        *_goal(ledger),
        _verdict(ledger, name, sources),
        chart,
        table(("", "split", "score [95 % interval]", "items"), _scores(ledger, name, sources)),
        Paragraph(
            (
                Strong(name),
                " ships, in ",
                Code(where),
                ". Scores go from 0 to 1, more is better; in brackets the "
                "interval that holds the true score with 95 % confidence.",
            )
        ),
    ]
    return Section("", tuple(blocks))


def _verdict(ledger: Ledger, name: str, sources: Sources) -> Verdict:
    kind, title = _title(ledger, name)
    test, dev = test_score(ledger, name), dev_score(ledger, name)
    told: list[object] = []
    if test:
        told += [
            f"{_who(ledger, name, first=True)} scores ",
            sources.figure(f"{test.value:.3f}", ("tested", name), ("run_ended", "")),
            f" on {test.n} {_items(ledger, test)}",
        ]
    elif dev:
        told += [
            f"So far {_who(ledger, name)} is best: ",
            sources.figure(f"{dev.value:.3f}", ("scored", name)),
            " on dev",
        ]
    if ledger.brief and ledger.brief.task.target is not None:
        told += ["; the target was ", sources.figure(f"{ledger.brief.task.target:.3f}", ("brief", ""))]
    if ledger.floor and not is_floor(ledger, name):
        floor = sources.figure(f"{ledger.floor.score.value:.3f}", *_floor_keys(ledger))
        told += ["; the untouched base model, asked in the way that suits it best, gets ", floor, " on dev"]
    return Verdict(kind, title, (*told, "."))  # type: ignore[arg-type]


def _goal(ledger: Ledger) -> list[Block]:
    if ledger.brief is None:
        return []
    task = ledger.brief.task
    goal = task.goal if task.goal.rstrip().endswith((".", "!", "?")) else f"{task.goal}."
    return [
        _whence(ledger),
        Paragraph((Strong("The task:"), " ", goal, " The model to improve: ", Code(task.base_model), ".")),
    ]


def _whence(ledger: Ledger) -> Paragraph:
    """What this is, for who was not there."""
    told = "A run of postdocs, a crew of research agents that post-trains language models"
    told += "".join(f", begun on {_date(begun)}" for begun, _ in ledger.sessions[:1])
    for pause in pauses(ledger):
        if pause.forked:
            told += f", forked from {parent(ledger)} on {_date(pause.at + pause.seconds)}: up to minute "
            told += f"{minutes(ledger, pause.at):.1f} it is that run's work"
    return Paragraph((f"{told}. Figures are links to the message in the run's journal that they come from.",))


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _who(ledger: Ledger, name: str, first: bool = False) -> str:
    """`first` in its sentence."""
    if is_floor(ledger, name):
        return f"{'The' if first else 'the'} untouched base model"
    entry = ledger.entries.get(name)
    return f"{name}, made by {strategy(entry)}," if entry else name


def _items(ledger: Ledger, test: Score) -> str:
    """What it was tested on, and how much of it was right."""
    came, right = parent(ledger), _right(ledger, test)
    if came is None:
        return f"test items that nobody had looked at before{right}"
    return f"sealed test items{right}, {read_how_often(came)}"


def _right(ledger: Ledger, score: Score) -> str:
    if ledger.brief is None or ledger.brief.task.metric not in RIGHT:
        return ""
    return f" ({round(score.value * score.n)} right)"


def _title(ledger: Ledger, name: str) -> tuple[Kind, str]:
    if ledger.ended is None:
        return "open", "The run has not ended."
    floor = is_floor(ledger, name)
    missed: tuple[Kind, str] = ("bad", "The target was missed: nothing beat the untouched base model.")
    if not floor:
        missed = ("so_so", "The target was missed, but the model is better than the untouched base model.")
    cancelled: tuple[Kind, str] = ("so_so", "The run was stopped by the user; the best model so far ships.")
    said: dict[str, tuple[Kind, str]] = {
        "target_met": ("good", "The target was met."),
        "target_missed": missed,
        "better_than_floor": ("good", "The model is better than the untouched base model."),
        "floor_kept": ("bad", "Nothing beat the untouched base model, which ships as it is."),
        "cancelled": cancelled,
    }
    return said[ledger.ended.outcome]


def _floor_keys(ledger: Ledger) -> tuple[Key, ...]:
    return (("floor_banked", ""), ("scored", ledger.floor.candidate if ledger.floor else ""))


def _scores(ledger: Ledger, name: str, sources: Sources) -> list[tuple[Cell, ...]]:
    """What ships below what there was before, the dev score before the test score."""
    rows: list[tuple[Cell, ...]] = []
    if ledger.floor:
        told = sources.figure(ledger.floor.score, *_floor_keys(ledger))
        rows.append(
            (
                f"floor: the untouched base model, {ledger.floor.decoding}, its best of {len(ledger.floor.tried)}",
                "dev",
                told,
                str(ledger.floor.score.n),
            )
        )
    few = best_few_shot(ledger)
    if few and ledger.floor and few.decoding.label() != ledger.floor.decoding:
        told = sources.figure(few.score, ("scored", few.candidate))
        rows.append(
            (
                f"few-shot baseline: the base model, {few.decoding.label()}",
                "dev, its first items",
                told,
                str(few.score.n),
            )
        )
    dev, test = dev_score(ledger, name), test_score(ledger, name)
    if dev and not is_floor(ledger, name):
        rows.append((name, "dev", sources.figure(dev, ("scored", name)), str(dev.n)))
    if test:
        figure = sources.figure(test, ("tested", name), ("run_ended", ""))
        split = f"test (sealed, {read_how_often(parent(ledger))})"
        rows.append((Strong(name), split, figure, str(test.n)))
    return rows


def _marks(ledger: Ledger, name: str, sources: Sources) -> list[Mark]:
    marks, few = [], best_few_shot(ledger)
    test, dev = test_score(ledger, name), dev_score(ledger, name)
    if ledger.floor:
        marks.append(_mark("floor, on dev", ledger.floor.score, "base", sources.anchor(("floor_banked", ""))))
    if few and ledger.floor and few.decoding.label() != ledger.floor.decoding:
        marks.append(_mark("few-shot, on dev", few.score, "base", sources.anchor(("scored", few.candidate))))
    if dev and not is_floor(ledger, name):
        marks.append(_mark(f"{name}, on dev", dev, "shipped", sources.anchor(("scored", name))))
    if test:
        marks.append(_mark(f"{name}, on test", test, "test", sources.anchor(("tested", name))))
    return marks


def _mark(label: str, score: Score, kind: Literal["base", "shipped", "test"], anchor: str) -> Mark:
    return Mark(label, score.value, score.low, score.high, kind, anchor=anchor)


def _target(ledger: Ledger) -> tuple[tuple[str, float], ...]:
    target = ledger.brief.task.target if ledger.brief else None
    return (("target", target),) if target is not None else ()


def why(ledger: Ledger, sources: Sources) -> Section:
    """Its way from the base model, what the gate asked of it, and who lost to it."""
    name = winner(ledger)
    kept = name is not None and is_floor(ledger, name)
    title = "Why nothing beat the base" if kept and ledger.ended else "Why the winner won"
    if name is None:
        return Section(title, (Paragraph(("Nothing stands in final_model/ yet.",)),))
    blocks: list[Block] = []
    if is_floor(ledger, name):
        blocks.append(Paragraph(("No experiment got past the gate: the floor itself ships.",)))
    else:
        blocks += _case(ledger, name, sources)
    beaten = rivals(ledger, name)
    if beaten:
        blocks.append(
            Paragraph(("The best of what was tried:" if kept else "The next best, which it is not made of:",))
        )
        rows = [
            (
                entry.experiment.id,
                sources.figure(entry.score, ("scored", entry.experiment.id)),
                sources.figure(fate, ledger_gate(entry, sources)),
            )
            for entry, fate in beaten
        ]
        blocks.append(table(("experiment", "dev score [95 %]", "why it does not ship"), rows))
    return Section(title, tuple(blocks))


def _case(ledger: Ledger, name: str, sources: Sources) -> list[Block]:
    verdict, scored = verdict_on(ledger, name), ledger.scored.get(name)
    blocks: list[Block] = []
    if verdict:
        blocks += [_heading(verdict), Bullets(_checks(verdict, sources))]
    floor = ledger.floor.candidate if ledger.floor else ""
    to_floor = scored.compared(floor) if scored else None
    if to_floor and (verdict is None or verdict.incumbent != floor):
        blocks.append(Paragraph(("Against the floor: ", sources.figure(compared(to_floor), ("scored", name)), ".")))
    told = noise(ledger, verdict)
    pairs = [("scored", e.experiment.id) for e in ledger.entries.values() if e.experiment.repeats]
    how = "standard deviation of the dev score between seeds of one recipe, pooled over the repeated experiments"
    figure = sources.figure(told[:1].upper() + told[1:], *pairs, how=how) if pairs else told[:1].upper() + told[1:]
    return [*blocks, Paragraph((figure, "."))]


def _heading(verdict: GateVerdict) -> Paragraph:
    over = f" over {verdict.incumbent}, which shipped before" if verdict.incumbent else ""
    word = "admitted" if verdict.admitted else "refused"
    told = "The gate, a rule in code that alone decides what ships,"
    return Paragraph((f"{told} {word} it{over}. It asks that all of these hold:",))


def _checks(verdict: GateVerdict, sources: Sources) -> tuple[Item, ...]:
    """Each condition with its figure; the test with all of them."""
    items = [
        Item(
            (f"{check.name}: ", sources.figure(check.figure, ("verdict", verdict.candidate))),
            mark="good" if check.passed else "bad",
        )
        for check in verdict.checks
    ]
    if verdict.test:
        figure = sources.figure(compared(verdict.test), ("verdict", verdict.candidate))
        items.append(Item((f"the {'paired' if verdict.paired else 'unpaired'} test in full: ", figure)))
    return tuple(items)


def gate(ledger: Ledger, sources: Sources) -> Section | None:
    """Every verdict of the admission gate with all its figures."""
    if not ledger.verdicts:
        return None
    items = []
    for verdict in ledger.verdicts:
        word = "admitted" if verdict.admitted else "refused"
        over = f", against {verdict.incumbent} {verdict.incumbent_score or ''}".rstrip() if verdict.incumbent else ""
        figures = f"{verdict.score}{over}; noise floor {verdict.noise_floor:.3f}"
        told = (Strong(verdict.candidate), f" {word}: ", sources.figure(figures, ("verdict", verdict.candidate)))
        items.append(Item(told, tuple(Item((check,)) for check in checks(verdict))))
    return Section("All verdicts of the gate", (Bullets(tuple(items)),), folded=True)
