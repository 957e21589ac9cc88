"""A paper's full text by section: arXiv's HTML, else ar5iv's, else the PDF."""

from __future__ import annotations

from collections import OrderedDict

from tools.documents import Document, read
from tools.http import Unreachable
from tools.papers.identifiers import PaperId
from tools.papers.pace import ARXIV_PACE
from tools.papers.services import AR5IV, ARXIV_PAGES
from tools.service import Missing, Service
from tools.tool import ToolFault

KEPT = 8
"""Papers read last, so that reading one section by section asks arXiv once."""
_read: OrderedDict[str, tuple[Document, str]] = OrderedDict()


async def full_text(paper: PaperId) -> tuple[Document, str]:
    """The document, and where it comes from. Raises `ToolFault`: `Missing` where arXiv has no such paper."""
    key = f"{ARXIV_PAGES.base} {paper.versioned}"
    if key not in _read:
        _read[key] = await _found(paper)
        while len(_read) > KEPT:
            _read.popitem(last=False)
    _read.move_to_end(key)
    return _read[key]


async def _found(paper: PaperId) -> tuple[Document, str]:
    for service in (ARXIV_PAGES, AR5IV):
        document = await _html(service, paper)
        if document is not None:
            return document, f"{service.name}, HTML"
    await ARXIV_PACE.wait()
    try:
        answer = ARXIV_PAGES.accepted(await ARXIV_PAGES.get(f"/pdf/{paper.versioned}"))
    except Missing as error:
        raise Missing(f"arXiv has no paper {paper.versioned}: search for its title") from error
    if answer.cut:
        raise ToolFault(
            f"the PDF has more than {ARXIV_PAGES.most_bytes / 1e6:.0f} MB: read its abstract (paper_details)"
        )
    return await read(answer.content, "pdf"), "arXiv, PDF"


async def _html(service: Service, paper: PaperId) -> Document | None:
    """None where there is no HTML of it. ar5iv then leads to the abstract's page, which is none either."""
    await ARXIV_PACE.wait()
    try:
        answer = await service.get(f"/html/{paper.versioned}")
    except Unreachable:
        if service is AR5IV:  # only the second choice; the PDF may still be there
            return None
        raise
    except ToolFault:  # it answers 5xx: the next may do better
        return None
    if answer.status != 200 or answer.cut or b"ltx_document" not in answer.content:
        return None
    try:
        return await read(answer.content, "html", charset="utf-8")
    except ToolFault:
        return None
