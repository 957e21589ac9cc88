"""arXiv: searching with fields, categories and dates, page by page; a paper's details and versions."""

from __future__ import annotations

import asyncio
import datetime

import pytest
from paper_pages import ERROR, entry, feed

from tests.tools.outside_world import BROKEN, BUSY, Asked, Reply, Site, use
from tools.papers import arxiv
from tools.papers.identifiers import PaperId, paper_id
from tools.papers.pace import Pace
from tools.papers.reading import PAPER_DETAILS
from tools.papers.search import SEARCH_PAPERS
from tools.service import Missing
from tools.tool import ToolFault


async def test_a_search_tells_ids_dates_titles_authors_and_abstracts(world: Site) -> None:
    world.on("/api/query", Reply(feed([entry("2305.00001v3", "Short Rewards & Long Answers")])))
    told = await use(SEARCH_PAPERS, query="short rewards")
    assert "2305.00001 (2023-05-29) Short Rewards & Long Answers. Ada One, Bo Two" in told
    assert "cs.LG, cs.CL" in told and "We show a thing." in told and "go on" not in told


async def test_words_filters_and_order_become_arxivs_query(world: Site) -> None:
    world.on("/api/query", Reply(feed([])))
    await use(
        SEARCH_PAPERS,
        query='direct "preference optimization"',
        categories=["cs.CL", "cs.LG"],
        since="2024-01-31",
        until="2024-03-01",
        newest_first=True,
    )
    query = world.asked[0].query
    assert query["search_query"] == (
        '(all:direct AND all:"preference optimization") AND (cat:cs.CL OR cat:cs.LG) AND '
        "submittedDate:[202401310000 TO 202403012359]"
    )
    assert (query["sortBy"], query["sortOrder"], query["max_results"]) == ("submittedDate", "descending", "8")


def test_a_query_with_fields_is_taken_as_it_is() -> None:
    told = arxiv.expression('ti:"chain of thought" ANDNOT au:smith', (), None, None)
    assert told == '(ti:"chain of thought" ANDNOT au:smith)'
    assert arxiv.expression("", ("cs.AI",), None, None) == "(cat:cs.AI)"
    assert arxiv.expression("", (), datetime.date(2024, 1, 1), None).startswith("submittedDate:[202401010000 TO 20")
    with pytest.raises(ToolFault, match="give a query"):
        arxiv.expression("  ", (), None, None)


async def test_further_pages_are_offered_and_found(world: Site) -> None:
    def page(asked: Asked) -> Reply:
        start = int(asked.query["start"])
        names = [entry(f"2401.{n:05}v1", f"Paper {n}") for n in range(start, min(5, start + 2))]
        return Reply(feed(names, 5, start))

    world.on("/api/query", page)
    assert (await use(SEARCH_PAPERS, query="x y", limit=2)).startswith("papers 1 to 2 of 5; go on with start=2")
    last = await use(SEARCH_PAPERS, query="x y", limit=2, start=4)
    assert last.startswith("papers 5 to 5 of 5\n") and "Paper 4" in last


async def test_nothing_found_says_what_to_try(world: Site) -> None:
    world.on("/api/query", Reply(feed([])))
    assert "no paper fits" in await use(SEARCH_PAPERS, query="nonsense")


async def test_a_long_list_stays_short_enough_to_be_told_whole(world: Site) -> None:
    long = [entry(f"2401.{n:05}v1", f"Paper {n}", summary="words " * 900) for n in range(20)]
    world.on("/api/query", Reply(feed(long, 400)))
    told = await use(SEARCH_PAPERS, query="x", limit=20)
    assert len(told) < SEARCH_PAPERS.characters and "Paper 19" in told


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"venue": "ICLR"}, "venue is only for source=semantic_scholar"),
        ({"min_citations": 5}, "min_citations is only"),
        ({"source": "huggingface", "categories": ["cs.CL"]}, "categories is only for source=arxiv"),
        ({"source": "semantic_scholar", "newest_first": True}, "newest_first is only"),
        ({"source": "semantic_scholar", "query": ""}, "needs a query"),
    ],
)
async def test_a_filter_that_the_source_does_not_know_is_refused(
    world: Site, given: dict[str, object], wrong: str
) -> None:
    with pytest.raises(ToolFault, match=wrong):
        await use(SEARCH_PAPERS, **({"query": "x"} | given))
    assert not world.asked


async def test_details_tell_the_versions(world: Site) -> None:
    world.on("/api/query", Reply(feed([entry("2305.00001v3", "Short Rewards", summary="All of it. " * 80)])))
    told = await use(PAPER_DETAILS, id="https://arxiv.org/abs/2305.00001")
    assert "versions v1 (2023-05-29) to v3 (2024-07-29)" in told and "DOI 10.1000/xyz" in told
    assert told.count("All of it.") == 80 and world.asked[0].query["id_list"] == "2305.00001"
    await use(PAPER_DETAILS, id="arXiv:2305.00001v1")
    assert world.asked[1].query["id_list"] == "2305.00001v1"


async def test_a_paper_that_there_is_not_is_missing(world: Site) -> None:
    world.on("/api/query", Reply(feed([])))
    with pytest.raises(Missing, match="arXiv has no paper 2399"):
        await use(PAPER_DETAILS, id="2399.99999")


async def test_a_query_that_arxiv_refuses_is_told_with_its_syntax(world: Site) -> None:
    for status in (200, 400):
        world.on("/api/query", Reply(ERROR, status))
        with pytest.raises(ToolFault, match="does not understand the query: fields are ti:") as caught:
            await use(SEARCH_PAPERS, query="ti:((")
        assert "bad query" not in str(caught.value)  # the feed's own words


async def test_a_busy_arxiv_is_asked_again(world: Site) -> None:
    world.on("/api/query", BUSY, BROKEN, Reply(feed([entry("2305.00001v1", "Found")])))
    assert "Found" in await use(SEARCH_PAPERS, query="x")
    assert len(world.asked) == 3


async def test_callers_keep_arxivs_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    pace = Pace(3.0)
    for _ in range(3):
        await pace.wait()
    assert slept[0] == 0 and 0 < slept[1] <= 3 and 3 < slept[2] <= 6


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2305.18290", PaperId(arxiv="2305.18290")),
        ("arXiv:2305.18290v2", PaperId(arxiv="2305.18290", version=2)),
        ("https://arxiv.org/pdf/2305.18290v2.pdf", PaperId(arxiv="2305.18290", version=2)),
        ("https://huggingface.co/papers/2305.18290", PaperId(arxiv="2305.18290")),
        ("cs/0112017", PaperId(arxiv="cs/0112017")),
        ("10.48550/arXiv.2305.18290", PaperId(arxiv="2305.18290")),
        ("https://doi.org/10.18653/v1/N18-3011", PaperId(doi="10.18653/v1/N18-3011")),
        ("CorpusId:215416146", PaperId(scholar="CorpusId:215416146")),
        ("https://www.semanticscholar.org/paper/A-B/" + "a" * 40, PaperId(scholar="a" * 40)),
    ],
)
def test_the_ways_to_name_a_paper(text: str, meant: PaperId) -> None:
    assert paper_id(text) == meant


@pytest.mark.parametrize("text", ["", "attention is all you need", "../../etc/passwd", "2305", "10.1/../../x y"])
def test_what_names_no_paper_is_told(text: str) -> None:
    with pytest.raises(ToolFault, match="names no paper: give an arXiv id"):
        paper_id(text)
