"""A source of a task that is a dataset of the Hub, by the datasets library itself, from a local Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.hub.hub_datasets import GATED, part, table
from tests.tools.hub.hub_pages import SHA, dataset
from tests.tools.outside_world import Reply, Site

pytest.importorskip("datasets")
FILE = "data/train-00000-of-00001.parquet"
ABSENT = Reply("", 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA})
READ = """
import json, sys
from pathlib import Path
from protocol.brief import Source
from tools.sources import SourceError, read_rows
for name in sys.argv[1:]:
    try:
        print(json.dumps(read_rows(Source(dataset=name), Path())))
    except SourceError as error:
        print(error)
"""
"""In a process of its own: the library reads HF_ENDPOINT once."""
ELSEWHERE = """---
configs:
- config_name: default
  data_files: [{split: train, path: %s}]
---
"""


def held(reply: Reply) -> Reply:
    return reply._replace(headers=reply.headers | {"X-Repo-Commit": SHA, "ETag": '"e"'})


def serve(world: Site, name: str, content: bytes, card: Reply = ABSENT) -> None:
    about = Reply(dataset(name, siblings=[{"rfilename": FILE}]))
    for where in ("", "/revision/main", f"/revision/{SHA}"):
        world.on(f"/api/datasets/{name}{where}", about)
    file = {"type": "file", "path": FILE, "size": len(content), "oid": "e" * 40}
    world.on(f"/api/datasets/{name}/tree/{SHA}", Reply([{"type": "directory", "path": "data", "oid": "d" * 40}]))
    world.on(f"/api/datasets/{name}/tree/{SHA}/data", Reply([file]))
    world.on(f"/datasets/{name}/resolve/{SHA}/{FILE}", lambda asked: held(part(content, asked)))
    for absent in (f"{name.partition('/')[2]}.py", ".huggingface.yaml", "dataset_infos.json"):
        world.on(f"/datasets/{name}/resolve/{SHA}/{absent}", ABSENT)
    for revision in ("main", SHA):
        world.on(f"/datasets/{name}/resolve/{revision}/README.md", card)


def test_rows_are_read_and_what_cannot_be_had_is_told_with_the_remedy(world: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"secret": "mine"}\n')
    rows = [{"text": f"row {number}"} for number in range(5)]
    serve(world, "ada/sums", table(rows))
    serve(world, "evil/sums", table(rows), held(Reply(ELSEWHERE % secret)))
    world.on("/datasets/ada/closed/resolve/main/README.md", Reply("", 401, GATED))
    world.on("/datasets/ada/nothing/resolve/main/README.md", Reply("", 401, {"X-Error-Code": "RepoNotFound"}))
    names = ("ada/sums", "evil/sums", "ada/closed", "ada/nothing")
    root, home = str(Path(__file__).parents[3]), str(tmp_path / "home")
    environment = {**os.environ, "HF_HOME": home, "PYTHONPATH": root, "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", READ, *names], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    read, elsewhere, closed, nothing = done.stdout.splitlines()
    assert json.loads(read) == rows
    assert "mine" not in elsewhere and "evil/sums (split train) cannot be loaded" in elsewhere
    assert "gated" in closed and "doesn't exist on the Hub" in nothing
    assert all("give that folder by --data DIR" in told for told in (elsewhere, closed, nothing))
