"""Renders a report as one HTML file: no script, no network, light and dark, its charts as inline SVG. Whatever a row, a
model or a log line holds comes out as the text it is; a content security policy stands behind that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from html import escape

from services.report import svg
from services.report.page import (
    Block,
    Bullets,
    Cell,
    Chart,
    Code,
    Commands,
    Figure,
    Item,
    Link,
    Page,
    Paragraph,
    Row,
    Section,
    Span,
    Strong,
    Table,
    Timeline,
    Verdict,
    spans,
)
from services.report.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Even if something slipped through the escapes, the browser would neither run nor load it (CSP level 3)."""
SHORT = 24
"""Characters."""
LEGENDS = {"base": "untouched base model", "tried": "tried", "shipped": "admitted, shipped", "test": "sealed test"}


def page(page: Page) -> str:
    body = [
        f"<header><h1>{text(page.title)}</h1>{_contents(page.sections)}</header>",
        "<main>",
        *(section(one, number) for number, one in enumerate(page.sections)),
        "</main>",
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{text(page.title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _contents(sections: Sequence[Section]) -> str:
    links = [f'<a href="#{one.anchor}">{text(one.title)}</a>' for one in sections if one.title]
    return f'<nav aria-label="Contents">{" ".join(links)}</nav>' if links else ""


def section(section: Section, number: int) -> str:
    inside = "\n".join(block(one, f"c{number}-{place}") for place, one in enumerate(section.blocks))
    if not section.title:
        return f"<section>{inside}</section>"
    head = f"<h2>{text(section.title)}</h2>"
    if section.folded:
        return f'<section id="{section.anchor}"><details><summary>{head}</summary>{inside}</details></section>'
    return f'<section id="{section.anchor}">{head}{inside}</section>'


@singledispatch
def block(block: Block, id: str) -> str:
    raise TypeError(f"{type(block).__name__} is no block of a report")


@block.register
def _(block: Paragraph, id: str) -> str:
    return f"<p>{inline(block.spans)}</p>"


@block.register
def _(block: Verdict, id: str) -> str:
    return f'<div class="verdict {block.kind}"><strong>{text(block.title)}</strong> {inline(block.spans)}</div>'


@block.register
def _(block: Bullets, id: str) -> str:
    return _list(block.items)


def _list(items: Sequence[Item]) -> str:
    return "<ul>" + "".join(_item(item) for item in items) + "</ul>"


def _item(item: Item) -> str:
    mark = {"good": '<span class="yes">✓ holds</span> ', "bad": '<span class="no">✗ fails</span> ', "": ""}[item.mark]
    return f"<li>{mark}{inline(item.spans)}{_list(item.items) if item.items else ''}</li>"


@block.register
def _(block: Table, id: str) -> str:
    headed = any(block.head)
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in block.head)
    rows = "".join(_row(row, len(block.head)) for row in block.rows)
    table = f"<table{'' if headed else ' class=pairs'}>{f'<thead><tr>{head}</tr></thead>' if headed else ''}"
    told = f"{table}<tbody>{rows}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="group" aria-label="Table">{told}</div>' if block.wide else told


def _row(row: Row, columns: int) -> str:
    anchor = f' id="{row.anchor}"' if row.anchor else ""
    first, *rest = row.cells
    star = ' <span class="star" title="this ships">★</span>' if row.strong else ""
    depth = f' class="depth{min(row.depth, 9)}"' if row.depth else ""
    spanned = "" if rest else f' colspan="{columns}"'
    head = f'<th scope="row{"" if rest else "group"}"{spanned}{depth}>{_cell(first)}{star}</th>'
    strong = " class=strong" if row.strong else ""
    return f"<tr{anchor}{strong}>{head}{''.join(f'<td>{_cell(cell)}</td>' for cell in rest)}</tr>"


def _cell(cell: Cell) -> str:
    return inline(spans(cell))


@block.register
def _(block: Commands, id: str) -> str:
    return f"<pre><code>{escape(chr(10).join(block.lines))}</code></pre>"


@block.register
def _(block: Chart, id: str) -> str:
    kinds = dict.fromkeys(mark.kind for mark in block.marks)
    keys = "".join(f'<span class="{kind}"><i></i>{LEGENDS[kind]}</span>' for kind in kinds)
    keys += '<span class="ships"><i></i>what ships</span>' if block.ships else ""
    return _figure(block.title, svg.chart(block, id), f'<p class="legend">{keys}</p>')


@block.register
def _(block: Timeline, id: str) -> str:
    names = {"good": "shipped", "bad": "failed or stopped", "other": "tried"}
    kinds = dict.fromkeys(bar.kind for bar in block.bars)
    keys = "".join(f'<span class="{kind}"><i></i>{names[kind]}</span>' for kind in kinds)
    return _figure(block.title, svg.timeline(block, id), f'<p class="legend">{keys}</p>')


def _figure(title: str, drawing: str, legend: str) -> str:
    return f"<figure><figcaption>{text(title)}</figcaption>{legend}{drawing}</figure>"


def inline(spans: Sequence[Span]) -> str:
    return "".join(_span(one) for one in spans)


def _span(span: Span) -> str:
    match span:
        case Strong(told):
            return f"<strong>{text(told)}</strong>"
        case Code(told):
            return f"<code>{text(told)}</code>"
        case Link(told, href):
            safe = href.startswith(("https://", "http://"))
            return f'<a href="{escape(href)}" rel="noreferrer">{text(told)}</a>' if safe else text(told)
        case Figure(told, anchor):
            return _figure_link(told, anchor) if anchor else text(told)
        case str():
            return text(span)


def _figure_link(told: str, anchor: str) -> str:
    """A short one, as a score with its interval, stays on one line."""
    short = " short" if len(told) <= SHORT else ""
    return f'<a class="figure{short}" href="#{escape(anchor)}">{text(told)}</a>'


def text(told: str) -> str:
    """As text, whatever is in it; control characters are dropped."""
    return escape("".join(char if char.isprintable() else " " for char in told))
