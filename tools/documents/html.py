"""HTML as text: Markdown, with formulas as TeX, without what a reader of the page does not see.

Knows the pages that LaTeXML makes of papers (arxiv.org/html, ar5iv): `article.ltx_document`, headings as `h1` to `h6`,
formulas as `math` with the TeX in `alttext`. Runs in the reader's child process.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Comment, Tag
from markdownify import ATX, markdownify

from tools.documents.document import Document, by_headings, visible

UNSEEN = (
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "object",
    "button",
    "nav",
    "footer",
    "head",
)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|(font-size|opacity)\s*:\s*0(?![.\d])", re.IGNORECASE)
MAIN = ("article.ltx_document", "main", "article", "body")
BLANK_LINES = re.compile(r"\n\s*\n\s*\n+")


def read_html(content: bytes, charset: str | None, url: str | None) -> Document:
    """The page's own text. Links are kept, and made absolute, where `url` says where it was."""
    soup = BeautifulSoup(content, "html.parser", from_encoding=charset)
    title = soup.select_one("h1.ltx_title_document") or soup.title
    told = " ".join(title.get_text(" ").split()) if title else ""
    _strip(soup)
    for math in soup.find_all("math"):
        tex = math.find("annotation", encoding="application/x-tex")
        math.replace_with(f"${math.get('alttext') or (tex or math).get_text(' ', strip=True)}$")
    for link in soup.find_all("a"):
        _settle(link, url)
    main = next((found for select in MAIN if (found := soup.select_one(select)) is not None), soup)
    markdown = markdownify(
        str(main),
        heading_style=ATX,
        strip=["img"],
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
    )
    return Document(title=told, sections=by_headings(BLANK_LINES.sub("\n\n", visible(markdown)).strip()))


def _strip(soup: BeautifulSoup) -> None:
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for tag in soup.find_all(UNSEEN):
        tag.decompose()
    for tag in soup.find_all(_hidden):
        if not tag.decomposed:
            tag.decompose()


def _hidden(tag: Tag) -> bool:
    """Text that nobody sees is written for machines, and seldom for our good."""
    unseen = tag.has_attr("hidden") or tag.get("aria-hidden") == "true"
    return unseen or bool(HIDDEN.search(str(tag.get("style") or "")))


def _settle(link: Tag, url: str | None) -> None:
    target = str(link.get("href") or "")
    if url is None or not target or target.startswith("#"):
        link.unwrap()
        return
    whole = urljoin(url, target)
    if urlsplit(whole).scheme in ("http", "https"):
        link["href"] = whole
        link.attrs.pop("title", None)
    else:
        link.unwrap()
