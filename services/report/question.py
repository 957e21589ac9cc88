"""The report's opening: what was asked, and what was known about it."""

from __future__ import annotations

from protocol.ledger import Ledger
from protocol.research import Citation, Technique
from services.report.page import Block, Bullets, Cell, Code, Item, Link, Paragraph, Section, Span, Strong, table
from services.report.sources import Sources

METRICS = {
    "exact_match": "share of answers that are exactly the expected text, white space aside",
    "numeric": "share of answers whose last number is the expected one",
    "multiple_choice": "share of answers that choose the expected option",
}
HASH = 12
"""Hex digits of a SHA-256 that are told."""


def question(ledger: Ledger, sources: Sources) -> Section | None:
    if ledger.brief is None:
        return None
    task, brief = ledger.brief.task, ("brief", "")
    target = "none set" if task.target is None else sources.figure(f"{task.target:.3f}", brief)
    rows: list[tuple[Cell, ...]] = [
        ("base model", Code(task.base_model)),
        ("prompt", (Code(task.prompt), " with a row's columns in place of the braces")),
        ("expected answer", Code(task.answer)),
        (
            "score",
            (Code(task.metric), f": {METRICS.get(task.metric, 'as the task defines it')}; 0 to 1, more is better"),
        ),
        ("target", target),
        ("time budget", sources.figure(f"{task.budget.time:.0f} s", brief)),
        ("candidate sources of data", ", ".join(source.name for source in task.data)),
    ]
    if ledger.eval:
        held, ready = ledger.eval, ("eval_ready", "")
        rows.append(
            ("dev split, to choose by", _split(sources.figure(f"{held.dev_rows} rows", ready), held.dev_sha256))
        )
        test = sources.figure(f"{held.test_rows} rows", ready)
        rows.append(("test split, sealed, read at the end", _split(test, held.test_sha256)))
    minds = [mind for mind in ledger.brief.models if not mind.endswith("=playbook")]
    rows += [("minds of the crew", ", ".join(minds) or "playbook: rules written down, no language model")]
    rows += [("the user said", text) for text in ledger.tells]
    return Section("The question", (Paragraph((task.goal,)), table(("", ""), rows)))


def _split(rows: Span, sha256: str) -> Cell:
    return (rows, ", sha256 ", Code(sha256[:HASH]))


def known(ledger: Ledger) -> list[Section]:
    """What the Reviewer found: the techniques behind what was tried, and, folded, what else there is."""
    review = ledger.review
    if review is None:
        return []
    tried = {entry.experiment.strategy for entry in ledger.entries.values()}
    used = [technique for technique in review.techniques if technique.strategy in tried]
    rest = [technique for technique in review.techniques if technique.strategy not in tried]
    blocks: list[Block] = [Paragraph((review.summary,))]
    if used:
        blocks += [Paragraph(("Behind what was tried:",)), Bullets(tuple(_technique(one) for one in used))]
    sections = [Section("What was known", tuple(blocks))]
    if rest:
        others = Bullets(tuple(_technique(one) for one in rest))
        sections.append(Section("What else was known", (others,), folded=True))
    return sections


def _technique(technique: Technique) -> Item:
    cited: list[Span] = []
    for citation in technique.citations:
        cited += ["; " if cited else ". ", _cited(citation)]
    why = (technique.why or technique.summary).rstrip(".")
    return Item((Strong(technique.name), f" ({technique.strategy.replace('_', ' ')}): {why}", *cited))


def _cited(citation: Citation) -> Span:
    """Authors, year: title; to its page where there is one."""
    who = ", ".join(str(part) for part in (citation.authors, citation.year) if part)
    told = f"{who}: {citation.title}" if who else citation.title
    link = f"https://arxiv.org/abs/{citation.arxiv}" if citation.arxiv else citation.url
    return Link(told, link) if link else told
