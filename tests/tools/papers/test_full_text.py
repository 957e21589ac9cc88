"""A paper is read section by section: from HTML, from ar5iv where arXiv has none, else from the PDF."""

from __future__ import annotations

import pytest
from paper_pages import HTML, pdf

from tests.tools.outside_world import BROKEN, Reply, Site, use
from tools.papers.reading import READ_PAPER
from tools.service import Missing
from tools.tool import ToolFault

PAPER = [
    ["Short Rewards", "Abstract", "We shorten rewards."],
    ["1 Introduction", "Rewards are hyphen-", "ated and long.", "2 Method", "We train.", "References", "Two, 2020."],
]


async def test_first_comes_the_outline_with_the_abstract(world: Site) -> None:
    world.on("/html/2305.00001", Reply(HTML))
    told = await use(READ_PAPER, id="2305.00001")
    assert told.startswith("Short Rewards for Long Answers [arXiv (full text), HTML]")
    assert "3. 1 Introduction" in told and "2.1 Hyperparameters" in told and told.endswith("We shorten rewards.")


@pytest.mark.parametrize("section", ["method", "4", "2 Method"])
async def test_a_section_comes_with_its_subsections_formulas_and_tables(world: Site, section: str) -> None:
    world.on("/html/2305.00001", Reply(HTML))
    told = await use(READ_PAPER, id="2305.00001", section=section)
    assert "$\\mathcal{L}=\\beta x$" in told and "learning_rate of 5e-7" in told and "| 0.1 | 61.5 |" in told
    assert "Introduction" not in told and "Two, 2020" not in told


async def test_all_of_it_leaves_out_what_is_no_part_of_the_paper(world: Site) -> None:
    world.on("/html/2305.00001", Reply(HTML))
    told = await use(READ_PAPER, id="2305.00001", section="all")
    assert "(Two, 2020)" in told
    assert not any(word in told for word in ("steal", "LaTeXML", "Report an issue", "#bib1"))


async def test_reading_section_by_section_asks_once(world: Site) -> None:
    world.on("/html/2305.00001", Reply(HTML))
    for section in (None, "1", "method", "all"):
        await use(READ_PAPER, id="2305.00001", section=section)
    assert len(world.asked) == 1


async def test_a_section_that_there_is_not_is_told(world: Site) -> None:
    world.on("/html/2305.00001", Reply(HTML))
    with pytest.raises(ToolFault, match="give a number from 1 to"):
        await use(READ_PAPER, id="2305.00001", section="Ethics")


async def test_a_long_section_is_read_in_parts(world: Site) -> None:
    world.on("/html/2305.00001", Reply(HTML.replace("Rewards are long", "word " * 5_000)))
    first = await use(READ_PAPER, id="2305.00001", section="introduction")
    assert "go on with offset=10000]" in first and len(first) < READ_PAPER.characters
    last = await use(READ_PAPER, id="2305.00001", section="introduction", offset=20_000)
    assert last.rstrip().endswith("]") and "(Two, 2020)" in last
    with pytest.raises(ToolFault, match="nothing at offset"):
        await use(READ_PAPER, id="2305.00001", section="introduction", offset=90_000)


async def test_ar5iv_serves_what_arxiv_has_no_html_of(world: Site) -> None:
    world.on("/ar5iv/html/2305.00001v2", Reply(HTML))
    assert "[ar5iv, HTML]" in await use(READ_PAPER, id="2305.00001v2")
    assert [asked.path for asked in world.asked] == ["/html/2305.00001v2", "/ar5iv/html/2305.00001v2"]


async def test_the_pdf_is_the_last_way(world: Site) -> None:
    world.on("/html/2305.00001", BROKEN)
    world.on("/ar5iv/html/2305.00001", Reply("<html>only the abstract's page</html>"))
    world.on("/pdf/2305.00001", Reply(pdf(PAPER, "Short Rewards"), headers={"Content-Type": "application/pdf"}))
    told = await use(READ_PAPER, id="2305.00001")
    assert told.startswith("Short Rewards [arXiv, PDF]") and "1 Introduction" in told
    assert "hyphenated and long" in await use(READ_PAPER, id="2305.00001", section="introduction")


async def test_a_pdf_without_headings_is_read_by_page(world: Site) -> None:
    world.on("/pdf/2305.00001", Reply(pdf([["some words here."], ["and more of them."]])))
    told = await use(READ_PAPER, id="2305.00001", section="page 2")
    assert told.endswith("and more of them.")


@pytest.mark.parametrize("content", [b"%PDF-1.7 nonsense", b"", b"\x00" * 5_000, pdf([])])
async def test_a_pdf_that_cannot_be_read_is_told(world: Site, content: bytes) -> None:
    world.on("/pdf/2305.00001", Reply(content, headers={"Content-Type": "application/pdf"}))
    with pytest.raises(ToolFault, match=r"the PDF (is damaged|has no text|could not be read)"):
        await use(READ_PAPER, id="2305.00001")


async def test_a_paper_that_is_nowhere_is_missing(world: Site) -> None:
    with pytest.raises(Missing, match="arXiv has no paper 2399"):
        await use(READ_PAPER, id="2399.99999")
