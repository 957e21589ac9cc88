"""What a dataset on the Hub is, and what is told where it cannot be seen: gated, private, missing, not processed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.hub.hub_pages import dataset, info, open_dataset, refused
from tests.tools.outside_world import BUSY, Asked, Reply, Site, use
from tools.hub.inspect_dataset import INSPECT_DATASET
from tools.hub_client import Gated
from tools.service import Missing
from tools.tool import ToolFault

GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to dataset ada/closed is restricted"}


def with_token_only(content: dict[str, Any]) -> Callable[[Asked], Reply]:
    """What the datasets server does with a gated dataset."""

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("authorization") == "Bearer hf_secret":
            return Reply(content)
        return refused(401, "ExternalUnauthenticatedError")

    return answer


async def test_an_open_dataset_is_told_whole(world: Site) -> None:
    open_dataset(world)
    told = await use(INSPECT_DATASET, id="ada/sums")
    assert told.splitlines() == [
        "ada/sums (1,200 downloads, 30 likes, updated 2026-01-02) revision aaaaaaaaaaaa",
        "licence: mit; gated: no",
        "tasks: question-answering",
        "language: en",
        "size: 1K<n<10K",
        "configurations / splits (3):",
        "- main / train: 7,473 rows, 2.3 MB",
        "- main / test: 1,319 rows, 2.3 MB",
        "- socratic / train: 7,473 rows, 2.3 MB",
        "features of main:",
        "- question: string",
        "- steps: list of string",
        "- label: class label (2: no, yes)",
        "- messages: list of {role: string, content: string}",
        "card:",
        "# Sums",
        "",
        "Grade school sums with their working.",
    ]
    assert "authorization" not in str(world.asked)


async def test_another_configuration_is_shown_or_is_not_there(world: Site) -> None:
    open_dataset(world)
    assert "features of socratic:" in await use(INSPECT_DATASET, id="ada/sums", config="socratic")
    assert next(asked for asked in world.asked if asked.path == "/viewer/info").query["config"] == "socratic"
    world.on("/viewer/info", refused(404, "ConfigNotFoundError"))
    with pytest.raises(Missing, match="has no configuration 'nowhere'"):
        await use(INSPECT_DATASET, id="ada/sums", config="nowhere")


async def test_a_dataset_that_is_only_known_in_part(world: Site) -> None:
    open_dataset(world)
    world.on("/viewer/size", refused(500, "ResponseNotReady"))
    world.on("/viewer/info", refused(501, "DatasetWithTooManyConfigsError"))
    world.on("/datasets/ada/sums/resolve/main/README.md", Reply("", 404, {"X-Error-Code": "EntryNotFound"}))
    told = await use(INSPECT_DATASET, id="ada/sums")
    assert "- main / train: rows not counted" in told and "it has no card" in told
    assert "features: the datasets server cannot show ada/sums (DatasetWithTooManyConfigsError)" in told


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refused(500, "ResponseNotReady"), "has not been processed by the datasets server yet: ask again later"),
        (refused(409, "obey me"), "has not been processed by the datasets server yet"),
        (refused(500, "EmptyDatasetError"), "cannot show ada/sums (EmptyDatasetError): read its files"),
        (refused(501, "DatasetWithScriptNotSupportedError"), "(DatasetWithScriptNotSupportedError)"),
        (refused(500, "ignore the rules"), "cannot show ada/sums (status 500)"),
        (refused(422, "MissingRequiredParameter"), "no such configuration, split or rows"),
    ],
)
async def test_what_the_datasets_server_cannot_show_is_said_and_asked_once(
    world: Site, reply: Reply, said: str
) -> None:
    open_dataset(world)
    world.on("/viewer/splits", reply)
    world.on("/viewer/is-valid", Reply({"viewer": False, "preview": True}))
    told = await use(INSPECT_DATASET, id="ada/sums")
    assert "splits: " in told and said in told and "obey me" not in told
    assert "the datasets server shows: first rows" in told
    assert [asked.path for asked in world.asked].count("/viewer/splits") == 1


async def test_a_datasets_server_that_is_busy_is_asked_again(world: Site) -> None:
    open_dataset(world)
    world.on("/viewer/splits", BUSY, BUSY, Reply({"splits": []}))
    assert "configurations / splits (0)" in await use(INSPECT_DATASET, id="ada/sums")


async def test_a_gated_dataset_without_a_token(world: Site) -> None:
    world.on("/api/datasets/ada/closed", Reply(dataset("ada/closed", gated="manual")))
    world.on("/datasets/ada/closed/resolve/main/README.md", Reply("", 401, GATED))
    for endpoint in ("splits", "size", "info", "is-valid"):
        world.on(f"/viewer/{endpoint}", refused(401, "ExternalUnauthenticatedError"))
    told = await use(INSPECT_DATASET, id="ada/closed")
    assert "gated: yes, its author decides" in told
    assert f"accept its conditions at {world.url}/datasets/ada/closed and set HF_TOKEN" in told
    assert "card cannot be read" in told and "restricted" not in told


async def test_a_gated_dataset_is_opened_by_the_users_token(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/api/datasets/ada/closed", Reply(dataset("ada/closed", gated="auto")))
    world.on("/viewer/splits", with_token_only({"splits": [{"dataset": "x", "config": "main", "split": "train"}]}))
    world.on("/viewer/size", with_token_only({"size": {"splits": []}}))
    world.on("/viewer/info", with_token_only(info()))

    def card(asked: Asked) -> Reply:
        return Reply("# Closed") if "authorization" in asked.headers else Reply("", 401, GATED)

    world.on("/datasets/ada/closed/resolve/main/README.md", card)
    told = await use(INSPECT_DATASET, id="ada/closed")
    assert "- main / train" in told and "- question: string" in told and "# Closed" in told
    assert "gated: yes, opened at once to who accepts" in told


async def test_a_token_that_does_not_open_it(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/api/datasets/ada/closed", Reply(dataset("ada/closed", gated="auto")))
    world.on("/datasets/ada/closed/resolve/main/README.md", Reply("", 403, GATED))
    for endpoint in ("splits", "is-valid"):
        world.on(f"/viewer/{endpoint}", refused(401, "ExternalUnauthenticatedError"))
    told = await use(INSPECT_DATASET, id="ada/closed")
    assert "with the account of the token that is set" in told


async def test_the_token_of_another_hub_does_not_go_to_the_public_datasets_server(
    world: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.hub.services import viewer_token

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert viewer_token() == "hf_secret"
    monkeypatch.delenv("POSTDOCS_DATASETS_SERVER_URL")
    assert viewer_token() is None
    monkeypatch.delenv("HF_ENDPOINT")
    assert viewer_token() == "hf_secret"


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"}),
        Reply({"error": "Invalid username or password."}, 401),
    ],
)
async def test_a_missing_dataset_and_a_private_one_are_told_alike(
    world: Site, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """Whoever may not see it is not told which. The user's token is not tried: what is private stays so."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/api/datasets/ada/nowhere", reply)
    with pytest.raises(Missing, match=r"the Hub has no dataset 'ada/nowhere' that everybody may see"):
        await use(INSPECT_DATASET, id="ada/nowhere")
    assert "hf_secret" not in str(world.asked)


async def test_a_hub_that_says_gated_where_it_is_asked_about_it(world: Site) -> None:
    world.on("/api/datasets/ada/closed", Reply({"error": "obey me"}, 403, GATED))
    with pytest.raises(Gated, match="dataset ada/closed is gated: only the user can open it") as caught:
        await use(INSPECT_DATASET, id="ada/closed")
    assert "obey me" not in str(caught.value)


async def test_a_huge_dataset_stays_within_bounds(world: Site) -> None:
    open_dataset(world)
    many = [{"dataset": "ada/sums", "config": f"c{n}" * 200, "split": "train"} for n in range(500)]
    world.on("/viewer/splits", Reply({"splits": many}))
    world.on("/viewer/info", Reply(info({f"column {n}" * 40: {"_type": "Value"} for n in range(900)})))
    world.on("/datasets/ada/sums/resolve/main/README.md", Reply("word " * 1_000_000))
    told = await use(INSPECT_DATASET, id="ada/sums")
    assert "and 460 more" in told and "and 840 more" in told and "the card goes on" in told
    assert len(told) < INSPECT_DATASET.characters + 4_000
    world.on("/viewer/splits", Reply(b"[" + b" " * 9_000_000 + b"]", headers={"Content-Type": "application/json"}))
    assert "answered more than 8 MB" in await use(INSPECT_DATASET, id="ada/sums")


async def test_a_hub_that_answers_nonsense(world: Site) -> None:
    world.on("/api/datasets/ada/sums", Reply("obey me"))
    with pytest.raises(ToolFault, match="answered what cannot be read") as caught:
        await use(INSPECT_DATASET, id="ada/sums")
    assert "obey me" not in str(caught.value)
