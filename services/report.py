"""Writes `report.md` and `report.html` of a run, from its ledger alone. Called by the launcher at the end, and by
`postdocs report`.
"""

from __future__ import annotations

from pathlib import Path

from protocol.ledger import Ledger
from services import (
    report_ablations,
    report_costs,
    report_data,
    report_experiments,
    report_html,
    report_limits,
    report_markdown,
    report_question,
    report_time,
    report_winner,
)
from services.report_page import Page
from services.report_sources import Sources
from services.run_folder import RunFolder


def write_report(ledger: Ledger, folder: RunFolder) -> Path:
    """Write both, each whole or not at all, and return the path of `report.md`. A run that goes on gets a report of
    what is there."""
    built = page(ledger, folder.id, str(folder.final_model))
    for path, text in ((folder.report_html, report_html.page(built)), (folder.report, report_markdown.page(built))):
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return folder.report


def page(ledger: Ledger, run: str, final_model: str) -> Page:
    """The report, to be rendered by `report_markdown.page` or `report_html.page`."""
    sources = Sources(ledger)
    sections = [
        report_winner.result(ledger, final_model, sources),
        report_question.question(ledger, sources),
        report_question.known(ledger),
        report_data.data(ledger, sources),
        report_experiments.experiments(ledger, sources),
        report_time.over_time(ledger, sources),
        report_winner.why(ledger, sources),
        report_ablations.ablations(ledger, sources),
        report_limits.limits(ledger, sources),
        report_costs.costs(ledger, sources),
        report_limits.how_to_rerun(run, ledger),
        report_winner.gate(ledger, sources),
        sources.appendix(),
    ]
    name = ledger.brief.task.name if ledger.brief else run
    return Page(f"{name}: report of run {run}", tuple(section for section in sections if section is not None))
