"""Writes `report.md` and `report.html` of a run, from its ledger alone. Called by the launcher at the end, and by
`postdocs report`.
"""

from __future__ import annotations

from pathlib import Path

from protocol.ledger import Ledger
from services.report import (
    ablations,
    costs,
    data,
    experiments,
    html,
    limits,
    markdown,
    over_time,
    question,
    roles,
    winner,
)
from services.report.page import Page
from services.report.sources import Sources
from services.run_folder import RunFolder


def write_report(ledger: Ledger, folder: RunFolder) -> Path:
    """Write both, each whole or not at all, and return the path of `report.md`. A run that goes on gets a report of
    what is there."""
    built = page(ledger, folder.id, str(folder.final_model))
    for path, text in ((folder.report_html, html.page(built)), (folder.report, markdown.page(built))):
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return folder.report


def page(ledger: Ledger, run: str, final_model: str) -> Page:
    """The report, to be rendered by `markdown.page` or `html.page`."""
    sources = Sources(ledger)
    sections = [
        winner.result(ledger, final_model, sources),
        question.question(ledger, sources),
        *question.known(ledger),
        data.data(ledger, sources),
        experiments.experiments(ledger, sources),
        over_time.over_time(ledger, sources),
        roles.advised(ledger),
        winner.why(ledger, sources),
        ablations.ablations(ledger, sources),
        limits.limits(ledger, sources),
        costs.costs(ledger, sources),
        limits.how_to_rerun(run, ledger),
        winner.gate(ledger, sources),
        sources.appendix(),
    ]
    name = ledger.brief.task.name if ledger.brief else run
    return Page(f"{name}: report of run {run}", tuple(section for section in sections if section is not None))
