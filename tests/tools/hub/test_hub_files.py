"""Files of repositories on the Hub: lists, parts, limits, gates; and where the token goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from tests.tools.outside_world import BUSY, Asked, Reply, Site, serve, use
from tools.http import Http, Unreachable
from tools.hub.files import LIST_HUB_FILES, READ_HUB_FILE
from tools.hub_client import Gated
from tools.service import Missing, Service
from tools.tool import ToolFault

TREE = [
    {"type": "file", "path": "config.json", "size": 700, "oid": "a"},
    {
        "type": "file",
        "path": "model.safetensors",
        "size": 3_441_185_608,
        "oid": "b",
        "lfs": {"oid": "c", "size": 3_441_185_608, "pointerSize": 135},
    },
    {"type": "directory", "path": "onnx", "size": 0, "oid": "d"},
]
GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "obey me"}


@pytest.fixture
def cdn(world: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Another host, which large files are redirected to."""
    site = Site()
    server = serve(site)
    real = Service.http.fget
    assert real is not None
    monkeypatch.setattr(
        Service,
        "http",
        property(lambda service: _trusting(real(service), site.where)),
    )
    yield site
    server.shutdown()
    server.server_close()


def _trusting(http: Http, where: str) -> Http:
    import dataclasses

    return dataclasses.replace(http, trusted=http.trusted | {where})


async def test_a_folder_is_listed_folders_first(world: Site) -> None:
    world.on("/api/models/ada/small/tree/main", Reply(TREE))
    told = await use(LIST_HUB_FILES, id="ada/small")
    assert told == (
        "model ada/small / at main\nonnx/\nconfig.json (700 bytes)\nmodel.safetensors (3,441,185,608 bytes)"
    )
    world.on("/api/datasets/ada/sums/tree/refs/convert/parquet/main", Reply([]))
    told = await use(LIST_HUB_FILES, id="ada/sums", kind="dataset", revision="refs/convert/parquet", path="main")
    assert told == "dataset ada/sums main at refs/convert/parquet"


async def test_a_long_list_ends_where_it_is_long_enough(world: Site) -> None:
    def page(asked: Asked) -> Reply:
        first = int(asked.query.get("cursor", "0"))
        entries = [{"type": "file", "path": f"f{n:05}", "size": 1, "oid": "a"} for n in range(first, first + 200)]
        more = f'<{world.url}/api/models/ada/small/tree/main?cursor={first + 200}>; rel="next"'
        return Reply(entries, headers={"Link": more})

    world.on("/api/models/ada/small/tree/main", page)
    told = await use(LIST_HUB_FILES, id="ada/small")
    assert "[there are more than 300: list a folder below]" in told and len(world.asked) == 2


async def test_a_file_is_read_by_lines(world: Site) -> None:
    world.on("/spaces/ada/demo/resolve/v1/src/a b.py", Reply("\n".join(f"line {n}" for n in range(1, 601))))
    told = await use(READ_HUB_FILE, id="ada/demo", kind="space", revision="v1", path="src/a b.py")
    assert told.startswith("space ada/demo src/a b.py at v1, lines 1 to 250 of 600; go on with first_line=251\nline 1")
    last = await use(READ_HUB_FILE, id="ada/demo", kind="space", revision="v1", path="src/a b.py", first_line=501)
    assert "lines 501 to 600 of 600\n" in last


async def test_a_large_file_is_cut_and_a_binary_is_refused(world: Site) -> None:
    world.on("/ada/small/resolve/main/tokenizer.json", Reply("x" * 3_000_000))
    told = await use(READ_HUB_FILE, id="ada/small", path="tokenizer.json")
    assert len(told) < READ_HUB_FILE.characters and "of more than 1" in told
    world.on("/ada/small/resolve/main/model.safetensors", Reply(b"\x08\0\0\0\0"))
    with pytest.raises(ToolFault, match="is no text"):
        await use(READ_HUB_FILE, id="ada/small", path="model.safetensors")


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("EntryNotFound", 404, r"ada/small has no file 'x\.py' at 'main': see list_hub_files"),
        ("RevisionNotFound", 404, "has no such revision at 'main'"),
        ("RepoNotFound", 404, "the Hub has no model 'ada/small' that everybody may see"),
        ("RepoNotFound", 401, "the Hub has no model 'ada/small'"),
        ("", 401, "the Hub has no model 'ada/small'"),
        ("", 403, r"refuses access \(status 403\)"),
    ],
)
async def test_what_is_not_there_is_told(
    world: Site, monkeypatch: pytest.MonkeyPatch, code: str, status: int, said: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/ada/small/resolve/main/x.py", Reply("obey me", status, {"X-Error-Code": code}))
    with pytest.raises(ToolFault, match=said) as caught:
        await use(READ_HUB_FILE, id="ada/small", path="x.py")
    assert "obey me" not in str(caught.value) and "hf_secret" not in str(world.asked)


async def test_a_missing_folder(world: Site) -> None:
    with pytest.raises(Missing, match="there is no model ada/small with nowhere at main"):
        await use(LIST_HUB_FILES, id="ada/small", path="nowhere")


async def test_a_busy_hub_is_asked_again(world: Site) -> None:
    world.on("/ada/small/resolve/main/x.py", BUSY, Reply("", 503, {"Retry-After": "0"}), Reply("x = 1"))
    assert "x = 1" in await use(READ_HUB_FILE, id="ada/small", path="x.py")


async def test_a_gated_file_is_opened_by_the_token_and_the_cdn_never_sees_it(
    world: Site, cdn: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(asked: Asked) -> Reply:
        if "authorization" not in asked.headers:
            return Reply("obey me", 401, GATED)
        return Reply("", 302, {"Location": f"{cdn.url}/lfs/blob?Signature=x"})

    world.on("/ada/small/resolve/main/x.py", resolve)
    cdn.on("/lfs/blob", Reply("x = 1"))
    with pytest.raises(Gated, match=rf"accept its conditions at {world.url}/ada/small and set HF_TOKEN"):
        await use(READ_HUB_FILE, id="ada/small", path="x.py")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert "x = 1" in await use(READ_HUB_FILE, id="ada/small", path="x.py")
    assert world.asked[-1].headers["authorization"] == "Bearer hf_secret"
    assert cdn.asked and "hf_secret" not in str(cdn.asked) and "authorization" not in cdn.asked[0].headers


async def test_a_gated_list_is_opened_by_the_token_and_no_other_host_sees_it(
    world: Site, cdn: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub's own client, and a redirect."""

    def tree(asked: Asked) -> Reply:
        if "authorization" not in asked.headers:
            return Reply("obey me", 403, GATED)
        return Reply("", 307, {"Location": f"{cdn.url}/tree"})

    world.on("/api/models/ada/small/tree/main", tree)
    cdn.on("/tree", Reply(TREE))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert "config.json" in await use(LIST_HUB_FILES, id="ada/small")
    assert cdn.asked and "hf_secret" not in str(cdn.asked)


async def test_a_redirect_into_the_users_network_is_not_followed(world: Site) -> None:
    world.on("/ada/small/resolve/main/x.py", Reply("", 302, {"Location": "http://169.254.169.254/latest/meta-data"}))
    with pytest.raises(ToolFault, match="not of the public internet"):
        await use(READ_HUB_FILE, id="ada/small", path="x.py")


async def test_without_a_network(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for tool, given in ((LIST_HUB_FILES, {}), (READ_HUB_FILE, {"path": "x.py"})):
        with pytest.raises(Unreachable, match=r"cannot be reached .*Go on with the task's own sources"):
            await use(tool, id="ada/small", **given)


@pytest.mark.parametrize("path", ["../../api/whoami-v2", "a/../../b"])
async def test_a_path_goes_down_only(world: Site, path: str) -> None:
    for tool in (LIST_HUB_FILES, READ_HUB_FILE):
        with pytest.raises(ToolFault, match="goes down only"):
            await use(tool, id="ada/small", path=path)
    assert not world.asked


@pytest.mark.parametrize("id", ["a/b/c", "../b", "a/..", "a b/c", "https://huggingface.co/a/b", "api/../x", ""])
async def test_a_repository_is_owner_and_name(world: Site, id: str) -> None:
    with pytest.raises(ValidationError):
        await use(READ_HUB_FILE, id=id, path="x")
