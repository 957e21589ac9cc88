"""The report on costs: wall time, the device, and what the language models took."""

from __future__ import annotations

from protocol.ledger import Ledger
from protocol.origin import Key
from protocol.spending import Spent, total
from services.report.facts import percent
from services.report.forked import parent, pauses
from services.report.over_time import device, minutes
from services.report.page import Block, Cell, Paragraph, Section, table
from services.report.sources import Sources

END: Key = ("run_ended", "")
HOUR = 3600.0


def costs(ledger: Ledger, sources: Sources) -> Section:
    rows = [*_time(ledger, sources), *_rent(ledger, sources), *_experiments(ledger, sources)]
    blocks: list[Block] = [table(("", ""), rows)]
    timeline = device(ledger)
    blocks += [timeline] if timeline else []
    return Section("Costs", (*blocks, *_minds(ledger, sources)))


def _minds(ledger: Ledger, sources: Sources) -> list[Block]:
    """What language models have cost, by role."""
    if not ledger.spent_by:
        return [Paragraph(("No language model was asked: the playbook decided throughout.",))]
    spent = [*ledger.spent_by.items()]
    rows = [_mind(name, one, sources) for name, one in spent]
    if len(rows) > 1:
        rows.append(_mind("all", total(one for _, one in spent), sources))
    head = (
        "role",
        "answers",
        "calls of the model",
        "calls of tools",
        "tokens in / out",
        "US dollars",
        "answered by the playbook instead",
    )
    also = f" (up to the fork in {parent(ledger)})" if parent(ledger) else ""
    return [Paragraph((f"What the language models behind the roles took{also}:",)), table(head, rows)]


def _mind(name: str, spent: Spent, sources: Sources) -> tuple[Cell, ...]:
    how = f"sum over the thoughts of {'all roles' if name == 'all' else name} in the journal"
    dollars = f"{spent.usd:.4f}" + (
        f", and {spent.unpriced_tokens} tokens of unknown price" * bool(spent.unpriced_tokens)
    )
    tokens = f"{spent.prompt_tokens} / {spent.completion_tokens}"
    told = (str(spent.turns), str(spent.calls), str(spent.tool_calls), tokens, dollars, str(spent.fallbacks))
    return (name, *(sources.figure(one, how=how) for one in told))


def _time(ledger: Ledger, sources: Sources) -> list[tuple[Cell, ...]]:
    training = sum(entry.seconds for entry in ledger.entries.values())
    scores = [*ledger.scored.values(), *ledger.tests.values()]
    scoring = sum(scored.seconds for scored in scores)
    until = ledger.sessions[-1][1] if ledger.sessions else 0.0
    ended = ledger.ended
    wall = f"{ended.seconds if ended else ledger.spent():.0f} s of work{_stopped(ledger)}"
    jobs: list[Key] = [("job_end", name) for name, entry in ledger.entries.items() if entry.seconds]
    scored: list[Key] = [("scored", name) for name in ledger.scored] + [("tested", name) for name in ledger.tests]
    busy = percent(ended.busy if ended else ledger.busy_share(until))
    spans = "share of the time from the first job's start on in which a job trained or was scored, dead time left out"
    return [
        ("wall time", sources.figure(wall, END, ("run_started", ""))),
        (
            "device time of the jobs",
            sources.figure(f"{training:.0f} s", *jobs, how="sum over the jobs, loading and saving too"),
        ),
        ("device time of scoring", sources.figure(f"{scoring:.0f} s", *scored, how="sum over all that was scored")),
        ("device busy, from the first job to the report", sources.figure(busy, END, how="" if ended else spans)),
    ]


def _stopped(ledger: Ledger) -> str:
    """Which of its time was another run's, and in which it was dead."""
    stops = pauses(ledger)
    told = [f"; the first {60 * minutes(ledger, stop.at):.0f} s in {parent(ledger)}" for stop in stops if stop.forked]
    gaps = [stop.seconds for stop in stops if not stop.forked]
    if gaps:
        times = "once" if len(gaps) == 1 else f"{len(gaps)} times"
        told.append(f"; interrupted {times}, for {sum(gaps):.0f} s that do not count")
    return "".join(told)


def _rent(ledger: Ledger, sources: Sources) -> list[tuple[Cell, ...]]:
    """What machines that are paid by the hour have cost while jobs were on them."""
    rented = {name: e for name, e in ledger.entries.items() if e.usd_per_hour is not None and e.seconds}
    if not rented:
        return []
    usd = sum(e.seconds * (e.usd_per_hour or 0.0) / HOUR for e in rented.values())
    keys: list[Key] = [(kind, name) for name in rented for kind in ("job_accepted", "job_end")]
    how = "sum over the jobs of their seconds at the price by the hour of their machine"
    return [("rent of machines", sources.figure(f"{usd:.2f} US dollars", *keys, how=how))]


def _experiments(ledger: Ledger, sources: Sources) -> list[tuple[Cell, ...]]:
    counts = {
        status: len(ledger.with_status(status)) for status in ("scored", "trained", "failed", "killed", "cancelled")
    }
    told = f"{len(ledger.entries)}: " + ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    ended = ledger.ended
    if ended:
        told = f"{ended.experiments} run, {ended.killed} killed, {ended.promoted} promoted, {ended.failed} failed"
    rows: list[tuple[Cell, ...]] = [("experiments", sources.figure(told, END))]
    devices = sorted({entry.device for entry in ledger.entries.values() if entry.device})
    if devices:
        accepted: list[Key] = [("job_accepted", name) for name, entry in ledger.entries.items() if entry.device]
        rows.append(("devices", sources.figure(", ".join(devices), *accepted)))
    return rows
