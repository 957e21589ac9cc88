"""Code on GitHub: search, files and folders at a ref, examples; its token, its limits, its refusals."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from tests.tools.outside_world import BUSY, Asked, Reply, Site, made_elsewhere, use, use_for
from tools.code.examples import FIND_EXAMPLES
from tools.code.reading import READ_CODE
from tools.code.search import SEARCH_CODE, SEARCH_REPOSITORIES
from tools.service import Missing
from tools.tool import ToolFault

CODE = {
    "path": "trl/scripts/grpo.py",
    "repository": {"full_name": "huggingface/trl"},
    "text_matches": [{"fragment": "training_args = GRPOConfig(num_generations=8)", "matches": []}],
}
REPOSITORY = {
    "full_name": "huggingface/trl",
    "description": "Train models.",
    "stargazers_count": 15_000,
    "pushed_at": "2026-01-02T03:04:05Z",
    "archived": False,
    "license": {"spdx_id": "Apache-2.0"},
}


async def test_code_search_needs_a_token_and_says_so(world: Site) -> None:
    with pytest.raises(ToolFault, match=r"needs a token, and none is set \(GITHUB_TOKEN\)"):
        await use(SEARCH_CODE, query="GRPOConfig")
    assert not world.asked


async def test_code_search_shows_the_lines_that_match(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    world.on("/github/search/code", Reply({"total_count": 40, "incomplete_results": False, "items": [CODE]}))
    told = await use(SEARCH_CODE, query="GRPOConfig", repository="huggingface/trl", path="trl", limit=2)
    assert told.startswith("40 found; go on with page=2\n\nhuggingface/trl trl/scripts/grpo.py\ntraining_args = GRPO")
    asked = world.asked[0]
    assert asked.query["q"] == "GRPOConfig repo:huggingface/trl language:python path:trl"
    assert asked.headers["authorization"] == "Bearer the-token"
    assert asked.headers["accept"] == "application/vnd.github.text-match+json"


async def test_repositories_and_their_pages(world: Site) -> None:
    world.on("/github/search/repositories", Reply({"total_count": 9, "items": [REPOSITORY]}))
    told = await use(SEARCH_REPOSITORIES, query="dpo stars:>100", sort="stars", limit=8)
    assert "huggingface/trl (15,000 stars, last push 2026-01-02, Apache-2.0)\nTrain models." in told
    assert "go on with page=2" in told and "authorization" not in world.asked[0].headers
    world.on("/github/search/repositories", Reply({"total_count": 0, "items": []}))
    assert "nothing was found" in await use(SEARCH_REPOSITORIES, query="dpo")


async def test_a_file_is_read_by_lines_at_a_ref(world: Site) -> None:
    text = "\n".join(f"line {n}" for n in range(1, 601))
    world.on("/raw/huggingface/trl/v1.16.0/examples/a b.py", Reply(text))
    first = await use(READ_CODE, repository="huggingface/trl", path="examples/a b.py", ref="v1.16.0")
    assert first.startswith(
        "huggingface/trl examples/a b.py at v1.16.0, lines 1 to 250 of 600; go on with first_line=251\nline 1\n"
    )
    last = await use(READ_CODE, repository="huggingface/trl", path="examples/a b.py", ref="v1.16.0", first_line=501)
    assert "lines 501 to 600 of 600\n" in last
    with pytest.raises(ToolFault, match="has 600 lines"):
        await use(READ_CODE, repository="huggingface/trl", path="examples/a b.py", ref="v1.16.0", first_line=601)


async def test_a_file_of_long_lines_stays_within_bounds(world: Site) -> None:
    world.on("/raw/a/b/HEAD/long.json", Reply("x" * 3_000_000 + "\n" + "y" * 9_000 + "\nz"))
    told = await use(READ_CODE, repository="a/b", path="long.json")
    assert len(told) < READ_CODE.characters and "of more than 1" in told


async def test_a_folder_is_listed_folders_first(world: Site) -> None:
    entries = [
        {"name": "dpo.py", "path": "examples/dpo.py", "type": "file", "size": 4_200},
        {"name": "scripts", "path": "examples/scripts", "type": "dir", "size": 0},
    ]
    world.on("/github/repos/huggingface/trl/contents/examples", Reply(entries))
    told = await use(READ_CODE, repository="huggingface/trl", path="examples", ref="main")
    assert told == "huggingface/trl examples at main\nexamples/scripts/\nexamples/dpo.py (4,200 bytes)"
    assert world.asked[-1].query == {"ref": "main"}
    world.on("/github/repos/huggingface/trl/contents", Reply(entries))
    assert "at HEAD" in await use(READ_CODE, repository="huggingface/trl")


async def test_what_is_no_text_or_not_there_is_told(world: Site) -> None:
    world.on("/raw/a/b/HEAD/x.bin", Reply(b"\x7fELF\0\0"))
    with pytest.raises(ToolFault, match="is no text"):
        await use(READ_CODE, repository="a/b", path="x.bin")
    with pytest.raises(Missing, match=r"a/b has no nowhere\.py at HEAD"):
        await use(READ_CODE, repository="a/b", path="nowhere.py")
    world.on("/github/repos/a/b/contents/sub", Reply({"path": "sub", "type": "submodule", "size": 0}))
    with pytest.raises(ToolFault, match="is a submodule"):
        await use(READ_CODE, repository="a/b", path="sub")


@pytest.mark.parametrize("given", [{"path": "../../user"}, {"ref": "main/../.."}])
async def test_a_path_goes_down_only(world: Site, given: dict[str, str]) -> None:
    with pytest.raises(ToolFault, match="goes down only"):
        await use(READ_CODE, repository="a/b", **({"path": "x"} | given))
    assert not world.asked


@pytest.mark.parametrize("repository", ["a", "a/b/c", "../b", "a/..", "a b/c", "https://github.com/a/b"])
async def test_a_repository_is_owner_and_name(world: Site, repository: str) -> None:
    with pytest.raises(ValidationError):
        await use(READ_CODE, repository=repository)


async def test_examples_are_found_by_words_in_their_path(world: Site) -> None:
    paths = ["examples/scripts/dpo.py", "examples/scripts/grpo_vlm.py", "trl/scripts/grpo.py", "tests/test_grpo.py"]
    nodes = [{"path": path, "type": "blob", "size": 10} for path in [*paths, "examples/image.png"]]
    tree = {"sha": "x", "tree": [*nodes, {"path": "examples", "type": "tree"}], "truncated": True}
    world.on("/github/repos/huggingface/trl/git/trees/HEAD", Reply(tree))
    told = await use(FIND_EXAMPLES, words="GRPO vlm")
    assert told.splitlines()[1:] == [
        "examples/scripts/grpo_vlm.py (10 bytes)",
        "trl/scripts/grpo.py (10 bytes)",
        "[GitHub lists a part of this repository only]",
    ]
    assert "dpo.py" in await use(FIND_EXAMPLES) and "fits" in await use(FIND_EXAMPLES, words="kto")
    with pytest.raises(Missing, match="there is no a/b at v9"):
        await use(FIND_EXAMPLES, repository="a/b", ref="v9")


async def test_a_limit_that_is_used_up_says_when_and_how_to_get_more(world: Site) -> None:
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1_800)}
    world.on("/github/search/repositories", Reply({"message": "API rate limit exceeded"}, 403, reset))
    with pytest.raises(ToolFault, match=r"used up for (29|30) minutes\. With GITHUB_TOKEN set it would be 5,000"):
        await use(SEARCH_REPOSITORIES, query="dpo")


async def test_a_second_limit_is_waited_for_or_told(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    world.on(
        "/github/search/code", BUSY, Reply({"total_count": 1, "items": [CODE]}), Reply({}, 403, {"Retry-After": "60"})
    )
    assert "1 found" in await use(SEARCH_CODE, query="GRPOConfig")
    with pytest.raises(ToolFault, match=r"used up for 1 minutes\. Use `show_script`"):
        await use(SEARCH_CODE, query="GRPOConfig")


async def test_a_second_limit_that_only_words_tell_is_no_fault_of_the_token(
    world: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    said = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    world.on("/github/search/code", Reply(said, 403, {"X-RateLimit-Remaining": "9"}))
    with pytest.raises(ToolFault, match=r"used up for a minute or more\. Use `show_script`"):
        await use(SEARCH_CODE, query="GRPOConfig")
    world.on("/github/search/code", Reply({"message": "Resource not accessible"}, 403))
    with pytest.raises(ToolFault, match="is GITHUB_TOKEN set, and right"):
        await use(SEARCH_CODE, query="GRPOConfig")


async def test_a_query_that_github_refuses(world: Site) -> None:
    world.on("/github/search/repositories", Reply({"message": "Validation Failed"}, 422))
    with pytest.raises(ToolFault, match="does not understand the query"):
        await use(SEARCH_REPOSITORIES, query="user:nobody-at-all")


async def test_the_token_goes_to_the_api_only(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    monkeypatch.setenv("POSTDOCS_GITHUB_URL", world.url.replace("127.0.0.1", "localhost") + "/github")
    world.on("/raw/a/b/HEAD/x.py", Reply("x = 1"))
    world.on("/github/repos/a/b/contents", Reply([]))
    await use(READ_CODE, repository="a/b", path="x.py")
    await use(READ_CODE, repository="a/b")

    def sent(asked: Asked) -> str | None:
        return asked.headers.get("authorization")

    assert [sent(asked) for asked in world.asked] == [None, "Bearer the-token"]


@pytest.mark.parametrize(
    "origin", ["https://github.com/ada/sums", "https://raw.githubusercontent.com/Ada/sums/main/data/test.jsonl"]
)
async def test_what_holds_the_test_split_is_closed(world: Site, monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    found = CODE | {"path": "data/test.jsonl", "repository": {"full_name": "ada/sums"}}
    world.on("/github/search/code", Reply({"total_count": 2, "items": [CODE, found]}))
    world.on("/raw/ada/sums/HEAD/README.md", Reply("# Sums"))
    for request in made_elsewhere(origin):
        with pytest.raises(ToolFault, match=r"ada/Sums data/test\.jsonl holds this task's test split"):
            await use_for(request, READ_CODE, repository="ada/Sums", path="data/test.jsonl", ref="v1")
        assert "# Sums" in await use_for(request, READ_CODE, repository="ada/sums", path="README.md")
        told = await use_for(request, SEARCH_CODE, query="GRPOConfig")
        assert told.count("training_args") == 1 and "ada/sums data/test.jsonl\n[closed" in told
