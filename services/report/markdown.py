"""Renders a report as Markdown (CommonMark 0.31 with GitHub's tables). Whatever a row, a model or a log line holds
comes out as the text it is: nothing in it becomes markup, a link or HTML.
"""

from __future__ import annotations

import re
from functools import singledispatch

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
from services.report.plain import chart_lines, timeline_lines

_SPECIAL = re.compile(r"([\\`*_\[\]<>&|~$])")
"""What may begin markup inside a line; `$` begins a formula on GitHub."""
_LINE_START = re.compile(r"^(\s*)([#+-]|=+|\d+[.)])(?=\s|$)")
_INSIDE_WORD = re.compile(r"(?<=[A-Za-z0-9])\\_(?=[A-Za-z0-9])")
_BARE_LINK = re.compile(r"(?i)(https?|ftp)(:)(?=//)|(www)(\.)|(?<=[\w.+-])(@)(?=[\w-])")
"""GitHub makes links of bare addresses too (GFM 0.29, section 6.9)."""
_BAR = re.compile(r"(?<!\\)\|")
"""Ends a table's cell, inside code too."""
MARKS = {"good": "✓ ", "bad": "✗ ", "": ""}


def page(page: Page) -> str:
    parts = [f"# {text(page.title)}", *(section(one) for one in page.sections)]
    return "\n\n".join(part for part in parts if part).rstrip() + "\n"


def section(section: Section) -> str:
    head = [f"## {text(section.title)}"] if section.title else []
    return "\n\n".join([*head, *(block(one) for one in section.blocks)])


@singledispatch
def block(block: Block) -> str:
    raise TypeError(f"{type(block).__name__} is no block of a report")


@block.register
def _(block: Paragraph) -> str:
    return _LINE_START.sub(r"\1\\\2", inline(block.spans))


@block.register
def _(block: Verdict) -> str:
    return f"> **{text(block.title)}** {inline(block.spans)}"


@block.register
def _(block: Bullets) -> str:
    return "\n".join(_item(item, 0) for item in block.items)


def _item(item: Item, depth: int) -> str:
    line = _LINE_START.sub(r"\1\\\2", inline(item.spans))
    below = [_item(one, depth + 1) for one in item.items]
    return "\n".join([f"{'  ' * depth}- {MARKS[item.mark]}{line}", *below])


@block.register
def _(block: Table) -> str:
    lines = ["| " + " | ".join(text(name) for name in block.head) + " |", "|" + " --- |" * len(block.head)]
    lines += [
        "| " + " | ".join(_cell(row, number, cell) for number, cell in enumerate(_filled(row, block))) + " |"
        for row in block.rows
    ]
    return "\n".join(lines)


def _filled(row: Row, table: Table) -> tuple[Cell, ...]:
    """A cell each column: there is none that spans several."""
    return row.cells + ("",) * (len(table.head) - len(row.cells))


def _cell(row: Row, number: int, cell: Cell) -> str:
    told = _BAR.sub(r"\|", inline(spans(cell)))
    if number:
        return told
    anchor = f'<a id="{row.anchor}"></a>' if row.anchor else ""
    below = "· " * max(0, row.depth - 1) + ("└ " if row.depth else "")
    return f"{anchor}{below}**{told}** ★" if row.strong else f"{anchor}{below}{told}"


@block.register
def _(block: Commands) -> str:
    fence = "`" * 3
    while any(fence in line for line in block.lines):
        fence += "`"
    return "\n".join([f"{fence}sh", *block.lines, fence])


@block.register
def _(block: Chart) -> str:
    return _drawn(block.title, chart_lines(block))


@block.register
def _(block: Timeline) -> str:
    return _drawn(block.title, timeline_lines(block))


def _drawn(title: str, lines: list[str]) -> str:
    return "\n".join([f"{text(title)}:", "", *("    " + " ".join(line.splitlines()) for line in lines)])


def inline(spans: tuple[Span, ...]) -> str:
    return "".join(_span(one) for one in spans)


def _span(span: Span) -> str:
    match span:
        case Strong(told):
            return f"**{text(told)}**"
        case Code(told):
            return code(told)
        case Link(told, href):
            return f"[{text(told)}]({_address(href)})" if href.startswith(("https://", "http://")) else text(told)
        case Figure(told, anchor):
            return f"[{text(told)}](#{anchor})" if anchor else text(told)
        case str():
            return text(span)


def text(told: str) -> str:
    """As text on one line: every character that could be markup is escaped, and every control character dropped."""
    line = "".join(char if char.isprintable() else " " for char in told)
    before, after = (" " if line[at : at + 1] == " " else "" for at in (0, len(line) - 1))
    escaped = _INSIDE_WORD.sub("_", _SPECIAL.sub(r"\\\1", " ".join(line.split())))
    return f"{before}{_BARE_LINK.sub(_unlinked, escaped)}{after}" if line.strip() else before


def _unlinked(found: re.Match[str]) -> str:
    """With an escape where GitHub would see an address."""
    word, sign = (found[1], found[2]) if found[1] else (found[3], found[4]) if found[3] else ("", found[5])
    return f"{word}\\{sign}"


def code(told: str) -> str:
    """Inline code, whatever back-quotes stand in the text (CommonMark 0.31, section 6.1)."""
    line = "".join(char if char.isprintable() else " " for char in told)
    fence = "`"
    while fence in line:
        fence += "`"
    pad = " " if line.startswith("`") or line.endswith("`") or not line.strip() else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _address(href: str) -> str:
    """An address that cannot end its own brackets."""
    from urllib.parse import quote

    return quote(href, safe=":/?#@!$&*+,;=%~-._")
