"""PDF as text by section, with pypdf. Runs in the reader's child process."""

from __future__ import annotations

import io
import re

from pypdf import PdfReader

from tools.documents.document import Document, Section, visible

PAGES = 200
"""More are left out: a thesis has fewer."""
NUMBERED = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2}){0,2}\.?|[A-H](?:\.\d{1,2})?\.?)\s+[A-Z][^.!?]{2,80}$")
KNOWN = re.compile(
    r"^(abstract|introduction|background|related works?|methods?|experiments?|results|discussion|limitations|"
    r"conclusions?|acknowledge?ments|references|bibliography|appendix.{0,60})$",
    re.IGNORECASE,
)
HYPHENATED = re.compile(r"(?<=[a-z])-\n(?=[a-z])")


def read_pdf(content: bytes) -> Document:
    """Parted at lines that look like headings of a paper, else by page. Raises pypdf's errors."""
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        reader.decrypt("")
    pages = [HYPHENATED.sub("", visible(page.extract_text() or "")).strip() for page in reader.pages[:PAGES]]
    title = str((reader.metadata.title if reader.metadata else None) or "").strip()
    if not any(pages):
        return Document(title=title, sections=())
    sections = _by_lines("\n".join(pages).splitlines())
    if len(sections) < 3:
        sections = [Section(title=f"page {n}", level=2, text=text) for n, text in enumerate(pages, 1) if text]
    if len(reader.pages) > PAGES:
        sections.append(Section(title="", level=2, text=f"[{len(reader.pages) - PAGES} more pages are left out]"))
    return Document(title=title, sections=tuple(sections))


def _by_lines(lines: list[str]) -> list[Section]:
    sections: list[Section] = []
    title, kept = "", list[str]()
    for line in lines:
        told = line.strip()
        if not (NUMBERED.match(told) or KNOWN.match(told)):
            kept.append(line)
            continue
        sections.append(Section(title=title, level=2, text="\n".join(kept).strip()))
        title, kept = told, []
    sections.append(Section(title=title, level=2, text="\n".join(kept).strip()))
    return [section for section in sections if section.title or section.text]
