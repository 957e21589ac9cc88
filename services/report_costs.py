"""The report's close: what it cost, what it does not show, and how to go on from here."""

from __future__ import annotations

from protocol.ledger import Ledger
from services.report_facts import noise, verdict_on, winner
from services.report_markdown import percent, table


def costs(ledger: Ledger) -> list[str]:
    training = sum(entry.seconds for entry in ledger.entries.values())
    scoring = sum(scored.seconds for scored in [*ledger.scored.values(), *ledger.tests.values()])
    until = ledger.sessions[-1][1] if ledger.sessions else 0.0
    ended = ledger.ended
    counts = {
        status: len(ledger.with_status(status)) for status in ("scored", "trained", "failed", "killed", "cancelled")
    }
    rows: list[tuple[str, str]] = [
        ("wall time", f"{ended.seconds if ended else ledger.spent():.0f} s in {len(ledger.sessions) or 1} session(s)"),
        ("device, jobs", f"{training:.0f} s"),
        ("device, scoring", f"{scoring:.0f} s"),
        ("device busy, first job to report", percent(ended.busy if ended else ledger.busy_share(until))),
        ("experiments", f"{len(ledger.entries)}: " + ", ".join(f"{n} {status}" for status, n in counts.items() if n)),
    ]
    if ended:
        told = f"{ended.experiments} run, {ended.killed} killed, {ended.promoted} promoted, {ended.failed} failed"
        rows[-1] = ("experiments", told)
    devices = sorted({entry.device for entry in ledger.entries.values() if entry.device})
    if devices:
        rows.append(("devices", ", ".join(devices)))
    return ["## Costs", "", *table(("", ""), rows)]


def limits(ledger: Ledger) -> list[str]:
    """What these figures do not show, as far as the ledger itself can tell."""
    name = winner(ledger)
    told = noise(ledger, verdict_on(ledger, name or ""))
    lines = [f"- {told[:1].upper()}{told[1:]}."]
    looks = len(ledger.scored)
    if looks > 1:
        lines.append(
            f"- Dev was looked at {looks} times to choose the winner, so its dev score is a little too good; "
            "the test score is not, it was read once."
        )
    if ledger.plan:
        unknown = [p.name for p in ledger.plan.profiles if p.label_noise is None and not p.error]
        if unknown:
            lines.append(f"- Wrong labels could not be estimated for {', '.join(unknown)}.")
        lines.append(f"- Overlap was looked for by {ledger.plan.contamination.method}; paraphrases escape it.")
    test = ledger.tests.get(name or "")
    if test:
        half = (test.score.high - test.score.low) / 2
        lines.append(f"- {test.score.n} test items settle the score to ±{half:.3f} and no closer.")
    lines.append("- The result holds for this base model, these data and this decoding; nothing else was measured.")
    return ["## Limits", "", *lines, ""]


def how_to_go_on(run: str, ended: bool) -> list[str]:
    more = [] if ended else [f"postdocs resume {run}   # go on where it stopped"]
    return [
        "## How to go on",
        "",
        "```sh",
        f"postdocs replay {run}   # the whole dialogue, from the journal alone",
        f"postdocs show {run}     # the leaderboard",
        *more,
        "```",
        "",
    ]
