"""The report on what ships: the result in short, the winner's case, and the gate's figures."""

from __future__ import annotations

from protocol.ledger import Ledger
from services.report_facts import checks, dev_score, is_floor, paired, why_it_won, winner
from services.report_markdown import code, table


def result(ledger: Ledger, final_model: str) -> list[str]:
    """Who ships, with all scores and their intervals."""
    name = winner(ledger)
    if name is None:
        return ["The run has not banked its floor yet: there is no model.", ""]
    ended = ledger.ended
    told = ended.outcome.replace("_", " ") if ended else "it has not ended"
    lines = [f"**{name}** ships ({told}), in {code(ended.final_model if ended else final_model)}.", ""]
    dev, test = dev_score(ledger, name), ledger.tests.get(name)
    rows: list[tuple[object, ...]] = []
    if ledger.floor:
        rows.append(("floor (untouched base model at its best)", "dev", ledger.floor.score, ledger.floor.score.n))
        floor_test = ledger.tests.get(ledger.floor.candidate)
        if floor_test and not is_floor(ledger, name):
            rows.append(("floor", "test", floor_test.score, floor_test.score.n))
    if dev and not is_floor(ledger, name):
        rows.append((name, "dev", dev, dev.n))
    shipped = test.score if test else ended.test if ended else None
    if shipped:
        rows.append((name, "test (sealed, read once)", shipped, shipped.n))
    return [*lines, *table(("", "split", "score [95 % interval]", "items"), rows)]


def winner_section(ledger: Ledger) -> list[str]:
    return [
        "## Why the winner won",
        "",
        "```text",
        *(line.replace("```", "'''") for line in why_it_won(ledger)),
        "```",
        "",
    ]


def gate(ledger: Ledger) -> list[str]:
    """Every verdict of the admission gate with all its figures."""
    if not ledger.verdicts:
        return []
    lines = ["## The gate's verdicts", ""]
    for verdict in ledger.verdicts:
        word = "admitted" if verdict.admitted else "refused"
        over = f", against {verdict.incumbent} {verdict.incumbent_score or ''}".rstrip() if verdict.incumbent else ""
        lines.append(f"- **{verdict.candidate}** {word}: {verdict.score}{over}; noise floor {verdict.noise_floor:.3f}")
        lines += [f"  - {check}" for check in checks(verdict)]
        if verdict.paired:
            lines.append(f"  - paired test: {paired(verdict.paired)}")
    return [*lines, ""]
