"""The report's opening: what was asked, and what was known about it."""

from __future__ import annotations

from protocol.ledger import Ledger
from protocol.research import Citation
from services.report_markdown import code, table


def question(ledger: Ledger) -> list[str]:
    if ledger.brief is None:
        return []
    task = ledger.brief.task
    target = "none set" if task.target is None else f"{task.target:.3f}"
    rows: list[tuple[str, str]] = [
        ("base model", code(task.base_model)),
        ("prompt", code(task.prompt)),
        ("answer", code(task.answer)),
        ("metric", code(task.metric)),
        ("target", target),
        ("budget", f"{task.budget.time:.0f} s"),
        ("candidate sources", ", ".join(source.name for source in task.data)),
    ]
    if ledger.eval:
        held = ledger.eval
        rows.append(("dev", f"{held.dev_rows} rows, sha256 {held.dev_sha256[:12]}"))
        rows.append(("test", f"{held.test_rows} rows, sealed, sha256 {held.test_sha256[:12]}"))
    rows += [("the user said", text) for text in ledger.tells]
    return ["## The question", "", task.goal, "", *table(("", ""), rows)]


def known(ledger: Ledger) -> list[str]:
    if ledger.review is None:
        return []
    lines = ["## What was known", "", ledger.review.summary, ""]
    for technique in ledger.review.techniques:
        cited = "; ".join(_cited(citation) for citation in technique.citations)
        lines.append(
            f"- **{technique.name}** ({technique.strategy}): {technique.why or technique.summary} {cited}".rstrip()
        )
    return [*lines, ""]


def _cited(citation: Citation) -> str:
    """`[Authors, Year: Title](link)`."""
    who = ", ".join(str(part) for part in (citation.authors, citation.year) if part)
    told = f"{who}: {citation.title}" if who else citation.title
    link = f"https://arxiv.org/abs/{citation.arxiv}" if citation.arxiv else citation.url
    return f"[{told}]({link})" if link else told
