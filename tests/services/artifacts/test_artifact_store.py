"""What is put into a store is got back whole and checked, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.artifact import Ref
from services.artifacts.errors import ArtifactBroken, ArtifactMissing, NotAnArtifact, StoreUnavailable, StoreUnusable
from services.artifacts.manifest import Manifest, ManifestFile, manifest_of
from services.artifacts.store import Store


@pytest.fixture(params=["path", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """One contract for all kinds of store."""
    yield {"path": str(tmp_path / "store"), "file": f"file://{tmp_path}/store", "memory": "memory://store"}[
        request.param
    ]
    memory = fsspec.filesystem("memory")
    if memory.exists("/store"):
        memory.rm("/store", recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Like a model: files, and one in a folder below."""
    made = tmp_path / "model"
    (made / "below").mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "weights.safetensors").write_bytes(os.urandom(300_000))
    (made / "below" / "empty").write_bytes(b"")
    return made


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_comes_back_as_it_was(url: str, folder: Path, tmp_path: Path) -> None:
    ref = Store(url, tmp_path / "here").put(folder)
    assert (ref.kind, ref.size) == ("folder", 300_002)
    got = Store(url, tmp_path / "there").get(ref)
    assert files(got) == files(folder)
    assert Store(url, tmp_path / "there").get(ref) == got


def test_a_file_comes_back_as_it_was(url: str, folder: Path, tmp_path: Path) -> None:
    ref = Store(url, tmp_path / "here").put(folder / "weights.safetensors")
    assert Store(url, tmp_path / "there").get(ref).read_bytes() == (folder / "weights.safetensors").read_bytes()


def test_a_copy_may_be_written_and_replaces_what_was_there(url: str, folder: Path, tmp_path: Path) -> None:
    store, place = Store(url, tmp_path / "cache"), tmp_path / "place"
    ref = store.put(folder)
    place.mkdir()
    (place / "old").write_text("")
    store.copy(ref, place)
    (place / "config.json").write_text("changed")
    assert "old" not in files(place)
    assert files(store.get(ref)) == files(folder)


def test_the_same_content_has_the_same_reference_and_is_sent_once(url: str, folder: Path, tmp_path: Path) -> None:
    store = Store(url, tmp_path / "cache")
    first = store.put(folder)
    sent = []
    store._driver.put = lambda path, key: sent.append(key)  # type: ignore[method-assign]
    store._driver.write = lambda data, key: sent.append(key)  # type: ignore[method-assign]
    copied = folder.with_name("copied")
    copied.mkdir()
    for name, data in files(folder).items():
        (copied / name).parent.mkdir(exist_ok=True)
        (copied / name).write_bytes(data)
    assert store.put(copied) == first
    assert sent == []


def test_what_was_spoilt_in_the_store_is_refused(url: str, folder: Path, tmp_path: Path) -> None:
    store = Store(url, tmp_path / "cache")
    ref = store.put(folder)
    weights = manifest_of(folder).files[-1]
    assert weights.name == "weights.safetensors"
    store._driver.write(b"x" * weights.size, f"sha256/{weights.sha256[:2]}/{weights.sha256}")
    with pytest.raises(ArtifactBroken, match="its content is"):
        store.get(ref)
    assert list((tmp_path / "cache" / "partial").iterdir()) == []
    assert not (tmp_path / "cache" / "folder" / ref.sha256).exists()


def test_what_is_not_there_is_told(url: str, folder: Path, tmp_path: Path) -> None:
    nothing = Ref(kind="folder", sha256="0" * 64, size=1)
    for kind in ("folder", "file"):
        with pytest.raises(ArtifactMissing, match="was it put into another store"):
            Store(url, tmp_path / "cache").get(nothing.model_copy(update={"kind": kind}))
    with pytest.raises(NotAnArtifact, match="there is no file or folder"):
        Store(url, tmp_path / "cache").put(tmp_path / "nothing")


def test_a_pointer_leads_to_the_latest(url: str, folder: Path, tmp_path: Path) -> None:
    store = Store(url, tmp_path / "cache")
    assert store.pointed("job/../x") is None
    one, two = store.put(folder), store.put(folder / "config.json")
    store.point("job/../x", "model/checkpoint-1", one)
    store.point("job/../x", "model/checkpoint-2", two)
    assert Store(url, tmp_path / "cache").pointed("job/../x") == ("model/checkpoint-2", two)


def test_a_folder_may_be_put_without_some_of_it(url: str, folder: Path, tmp_path: Path) -> None:
    (folder / "checkpoint-200").mkdir()
    (folder / "checkpoint-200" / "optimizer.pt").write_text("large")
    (folder / "below" / "checkpoint-1").write_text("kept")
    store = Store(url, tmp_path / "cache")
    got = files(store.get(store.put(folder, without="checkpoint-*")))
    assert set(got) == {"config.json", "weights.safetensors", "below/empty", "below/checkpoint-1"}


def test_a_cached_artifact_is_read_only(url: str, folder: Path, tmp_path: Path) -> None:
    store = Store(url, tmp_path / "cache")
    got = store.get(store.put(folder))
    assert {path.stat().st_mode & 0o222 for path in got.rglob("*") if path.is_file()} == {0}


def test_many_readers_at_once_get_one_whole_copy(folder: Path, tmp_path: Path) -> None:
    store, cache = str(tmp_path / "store"), tmp_path / "cache"  # memory:// hands one open file to all its readers
    ref = Store(store, cache).put(folder)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: Store(store, cache).get(ref), range(8)))
    assert len(set(got)) == 1
    assert files(got[0]) == files(folder)
    assert list((cache / "partial").iterdir()) == []


def test_a_writer_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.mkdir()
    for number in range(40):
        (big / f"{number}").write_bytes(os.urandom(2_000_000))
    script = f"from services.artifacts.store import Store; from pathlib import Path; Store({str(tmp_path / 's')!r}).put(Path({str(big)!r}))"  # noqa: E501
    for wait in (0.25, 0.3, 0.35):
        process = subprocess.Popen([sys.executable, "-c", script])
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        store = tmp_path / "s" / "sha256"
        for path in store.glob("*/*") if store.exists() else ():
            if path.stat().st_size == 2_000_000:
                assert path.name in {file.sha256 for file in manifest_of(big).files}
            else:  # a manifest: then all that it names is there
                named = Manifest.model_validate_json(path.read_bytes()).files
                assert all((store / file.sha256[:2] / file.sha256).exists() for file in named)
    store_again = Store(str(tmp_path / "s"), tmp_path / "cache")
    assert files(store_again.get(store_again.put(big))) == files(big)


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "", ".", "a\\b"])
def test_no_manifest_leads_out_of_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="leads out of its folder"):
        ManifestFile(name=name, sha256="0" * 64, size=0)


def test_a_link_is_no_artifact(folder: Path, tmp_path: Path) -> None:
    (folder / "secret").symlink_to("/etc/passwd")
    with pytest.raises(NotAnArtifact, match="is a link"):
        Store(str(tmp_path / "store"), tmp_path / "cache").put(folder)


def test_a_snapshot_in_the_hubs_cache_is_one(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--me--tiny" / "snapshots" / "abc"
    blobs = tmp_path / "models--me--tiny" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "1").write_text("weights")
    (snapshot / "model.safetensors").symlink_to("../../blobs/1")
    store = Store(str(tmp_path / "store"), tmp_path / "cache")
    assert files(store.get(store.put(snapshot))) == {"model.safetensors": b"weights"}
    linked = tmp_path / "linked"  # as a cache that was moved to a larger disk
    linked.symlink_to(tmp_path / "models--me--tiny")
    assert store.put(linked / "snapshots" / "abc") == store.put(snapshot)


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="s3fs is installed")
def test_a_missing_driver_names_its_package() -> None:
    with pytest.raises(StoreUnusable, match=r"s3:// needs the package s3fs: pip install s3fs"):
        Store("s3://bucket/prefix")


@pytest.mark.parametrize(("url", "told"), [("nonsense://a", "no kind of store"), ("ftp2://a", "no kind of store")])
def test_what_is_no_store_is_refused(url: str, told: str) -> None:
    with pytest.raises(StoreUnusable, match=told):
        Store(url)


def test_missing_credentials_say_what_to_do(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    store = Store(str(tmp_path / "store"), tmp_path / "cache")
    monkeypatch.setattr(store._driver._files, "put_file", _forbidden)
    with pytest.raises(StoreUnusable, match=r"does not let us in .* may write there"):
        store.put(folder)
    monkeypatch.setattr(store._driver._files, "put_file", _unreachable)
    with pytest.raises(StoreUnavailable, match="failed to store a file"):
        store.put(folder)


def _forbidden(*_: object) -> None:
    raise PermissionError("Access Denied")


def _unreachable(*_: object) -> None:
    raise ConnectionResetError("reset")


NAMES = st.text("abc", min_size=1, max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.tuples(NAMES, NAMES).map("/".join), st.binary(max_size=50), max_size=6))
def test_any_folder_comes_back(tmp_path_factory: pytest.TempPathFactory, told: dict[str, bytes]) -> None:
    root = tmp_path_factory.mktemp("any")
    folder = root / "folder"
    folder.mkdir()
    for name, data in told.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    store = Store(str(root / "store"), root / "cache")
    assert files(store.get(store.put(folder))) == told
