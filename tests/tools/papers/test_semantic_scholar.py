"""Semantic Scholar: filters, citations, references, recommendations, passages; its key goes to it alone."""

from __future__ import annotations

import pytest

from tests.tools.outside_world import BUSY, Asked, Reply, Site, serve, use
from tools.papers.citing import PAPER_CITATIONS, RECOMMEND_PAPERS, SEARCH_SNIPPETS
from tools.papers.reading import PAPER_DETAILS
from tools.papers.search import SEARCH_PAPERS
from tools.service import Missing
from tools.tool import ToolFault

SHA = "5c5751d45e298cea054f32b392c12c61027d2fe7"
PAPER = {
    "paperId": SHA,
    "title": "Short Rewards",
    "abstract": "We shorten rewards.",
    "year": 2023,
    "publicationDate": "2023-05-29",
    "venue": "NeurIPS",
    "citationCount": 120,
    "influentialCitationCount": 9,
    "externalIds": {"ArXiv": "2305.00001", "DOI": "10.1000/xyz", "CorpusId": 1},
    "authors": [{"authorId": "1", "name": "Ada One"}],
}
BARE = {"paperId": "b" * 40, "title": "Bare", "abstract": None, "year": None, "venue": "", "externalIds": None}


async def test_filters_are_given_under_the_apis_own_names(world: Site) -> None:
    world.on("/graph/v1/paper/search", Reply({"total": 20, "offset": 8, "next": 10, "data": [PAPER, BARE]}))
    told = await use(
        SEARCH_PAPERS,
        source="semantic_scholar",
        query="short rewards",
        since="2023-01-01",
        venue="NeurIPS,ICLR",
        fields_of_study="Computer Science",
        min_citations=10,
        start=8,
        limit=2,
    )
    query = world.asked[0].query
    assert (query["publicationDateOrYear"], query["venue"]) == ("2023-01-01:", "NeurIPS,ICLR")
    assert (query["fieldsOfStudy"], query["minCitationCount"], query["offset"]) == ("Computer Science", "10", "8")
    assert told.startswith("papers 9 to 10 of 20; go on with start=10")
    assert "2305.00001 (2023-05-29) Short Rewards. Ada One\nNeurIPS; cited 120 times; 9 of them influential" in told
    assert f"{'b' * 40} (no date) Bare" in told


async def test_nothing_found_is_no_error(world: Site) -> None:
    world.on("/graph/v1/paper/search", Reply({"total": 0, "offset": 0, "data": []}))
    assert "no paper fits" in await use(SEARCH_PAPERS, source="semantic_scholar", query="x")


async def test_details_by_doi(world: Site) -> None:
    more = {"tldr": {"text": "Shorter is better."}, "fieldsOfStudy": ["Computer Science"], "referenceCount": 40}
    world.on("/graph/v1/paper/DOI:10.1000/xyz", Reply(PAPER | more | {"openAccessPdf": {"url": "https://x.org/a.pdf"}}))
    told = await use(PAPER_DETAILS, id="10.1000/xyz")
    assert "in short: Shorter is better." in told and "open access: https://x.org/a.pdf" in told


async def test_citations_come_with_their_words(world: Site) -> None:
    one = {"contexts": ["as in Short Rewards"], "intents": ["methodology"], "isInfluential": True, "citingPaper": PAPER}
    unknown = {"contexts": [], "intents": None, "citingPaper": {"paperId": None, "title": None}}
    world.on("/graph/v1/paper/ARXIV:2305.18290/citations", Reply({"offset": 0, "next": 2, "data": [one, unknown]}))
    told = await use(PAPER_CITATIONS, id="2305.18290", limit=2)
    assert told.startswith("citations from 1; go on with start=2")
    assert "methodology (influential)" in told and "“as in Short Rewards”" in told


async def test_references_and_their_end(world: Site) -> None:
    def page(asked: Asked) -> Reply:
        data = [{"citedPaper": PAPER}] if asked.query["offset"] == "0" else []
        return Reply({"offset": int(asked.query["offset"]), "data": data})

    world.on(f"/graph/v1/paper/{SHA}/references", page)
    assert "Short Rewards" in await use(PAPER_CITATIONS, id=SHA, direction="references")
    assert "no further references" in await use(PAPER_CITATIONS, id=SHA, direction="references", start=8)


async def test_recommendations(world: Site) -> None:
    world.on("/recommendations/v1/papers/forpaper/ARXIV:2305.18290", Reply({"recommendedPapers": [PAPER]}))
    assert "Short Rewards" in await use(RECOMMEND_PAPERS, id="2305.18290", pool="all-cs", limit=3)
    assert (world.asked[0].query["from"], world.asked[0].query["limit"]) == ("all-cs", "3")


async def test_passages_of_one_paper(world: Site) -> None:
    snippet = {"text": "We set beta to 0.1.", "snippetKind": "body", "section": "Experiments"}
    world.on(
        "/graph/v1/snippet/search",
        Reply({"data": [{"snippet": snippet, "score": 0.5, "paper": {"corpusId": "7", "title": "T"}}]}),
        Reply({"data": []}),
    )
    told = await use(SEARCH_SNIPPETS, query="beta of DPO", paper="2305.18290", year="2023-")
    assert told == "CorpusId:7 T [Experiments]\nWe set beta to 0.1."
    assert (world.asked[0].query["paperIds"], world.asked[0].query["year"]) == ("ARXIV:2305.18290", "2023-")
    with pytest.raises(ToolFault, match="no passage says such a thing"):
        await use(SEARCH_SNIPPETS, query="beta of DPO")


async def test_a_missing_paper(world: Site) -> None:
    with pytest.raises(Missing, match="Semantic Scholar knows nothing of that name"):
        await use(PAPER_CITATIONS, id="2399.99999")


async def test_the_key_goes_to_its_own_host_only(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMANTIC_SCHOLAR_API_KEY", "the-key")
    other = Site(otherwise=Reply({"data": []}))
    server = serve(other)
    path = "/graph/v1/paper/search"
    world.on(path, BUSY, Reply("", 302, {"Location": f"{other.url}/elsewhere"}))
    with pytest.raises(ToolFault, match="not of the public internet"):  # a redirect home is not followed either
        await use(SEARCH_PAPERS, source="semantic_scholar", query="x")
    assert [asked.headers["x-api-key"] for asked in world.asked] == ["the-key"] * 2 and not other.asked
    world.on("/api/query", Reply("<feed/>"))
    with pytest.raises(ToolFault):
        await use(SEARCH_PAPERS, source="huggingface", query="x")
    monkeypatch.setenv("POSTDOCS_SEMANTIC_SCHOLAR_URL", "http://127.0.0.1:9")  # now it lives elsewhere
    await use(SEARCH_PAPERS, query="x")
    assert len(world.asked) == 4 and "the-key" not in str(world.asked[2:])
    server.shutdown()
    server.server_close()


async def test_without_a_key_none_is_sent_and_a_refusal_names_it(world: Site) -> None:
    world.on("/graph/v1/paper/search", Reply({"message": "Forbidden"}, 403))
    with pytest.raises(ToolFault, match=r"refuses access \(status 403\); is SEMANTIC_SCHOLAR_API_KEY set"):
        await use(SEARCH_PAPERS, source="semantic_scholar", query="x")
    assert "x-api-key" not in world.asked[0].headers
