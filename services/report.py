"""Writes `report.md` of a run, from its ledger alone. Called by the launcher at the end, and by `postdocs report`."""

from __future__ import annotations

from pathlib import Path

from protocol.ledger import Ledger
from services import report_costs, report_data, report_experiments, report_question, report_winner
from services.run_folder import RunFolder


def write_report(ledger: Ledger, folder: RunFolder) -> Path:
    """Write the report, whole or not at all, and return its path. A run that goes on gets a report of what is there."""
    text = render(ledger, folder.id, str(folder.final_model))
    draft = folder.report.with_suffix(".md.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(folder.report)
    return folder.report


def render(ledger: Ledger, run: str, final_model: str) -> str:
    """The report as Markdown."""
    sections = [
        [f"# {ledger.brief.task.name if ledger.brief else run}: report of run `{run}`", ""],
        report_winner.result(ledger, final_model),
        report_question.question(ledger),
        report_question.known(ledger),
        report_data.data(ledger),
        report_experiments.experiments(ledger),
        report_experiments.over_time(ledger),
        report_winner.winner_section(ledger),
        report_winner.gate(ledger),
        report_costs.costs(ledger),
        report_costs.limits(ledger),
        report_costs.how_to_go_on(run, ledger.ended is not None),
    ]
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"
