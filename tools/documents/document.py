"""A document as text, by section."""

from __future__ import annotations

import re

from protocol.message import Part

HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$")
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
"""Characters without a shape: what is written in them only a machine reads."""
FENCE = re.compile(r"^\s*(```|~~~)")


class Section(Part):
    """One section, without its subsections."""

    title: str
    """Empty for what stands before the first heading."""
    level: int
    """1 for the highest, 6 for the lowest."""
    text: str


class Document(Part):
    title: str
    sections: tuple[Section, ...]

    @property
    def text(self) -> str:
        """All of it, as Markdown."""
        return "\n\n".join(
            f"{'#' * section.level} {section.title}\n\n{section.text}".strip() if section.title else section.text
            for section in self.sections
        ).strip()


def visible(text: str) -> str:
    """Without the characters that nobody sees."""
    return INVISIBLE.sub("", text)


def by_headings(markdown: str) -> tuple[Section, ...]:
    """Markdown, parted at its headings; empty sections without a title are left out."""
    sections: list[Section] = []
    title, level, lines, fenced = "", 1, list[str](), False
    for line in markdown.splitlines():
        fenced ^= bool(FENCE.match(line))
        heading = None if fenced else HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        sections.append(Section(title=title, level=level, text="\n".join(lines).strip()))
        title, level, lines = heading[2], len(heading[1]), []
    sections.append(Section(title=title, level=level, text="\n".join(lines).strip()))
    return tuple(section for section in sections if section.title or section.text)
