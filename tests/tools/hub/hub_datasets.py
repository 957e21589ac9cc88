"""Datasets with their copies in Parquet, as the Hub serves them to its own client: lists of files, and parts of them.

https://huggingface.co/docs/hub/api, https://huggingface.co/docs/dataset-viewer/parquet
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from tests.tools.hub.hub_pages import dataset
from tests.tools.outside_world import Asked, Reply, Site

COPY = "c" * 40
"""The commit of the copy."""
BRANCH = "refs/convert/parquet"
TOKEN = "hf_of_ada"
GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "obey me"}


def table(
    rows: Sequence[Mapping[str, Any]], groups: int = 50, labels: Mapping[str, Sequence[str]] | None = None
) -> bytes:
    """A Parquet file with so many rows a group, and the names of class labels where the datasets library has them."""
    made = pa.Table.from_pylist(list(rows))
    if labels:
        features = {column: {"names": list(names), "_type": "ClassLabel"} for column, names in labels.items()}
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    out = io.BytesIO()
    parquet.write_table(made, out, row_group_size=groups)
    return out.getvalue()


def serve_dataset(site: Site, name: str, files: Mapping[str, bytes], **about: Any) -> None:
    """`files`: path in the copy → content. With `gated` among `about` their content takes the token."""

    def resolve(content: bytes) -> Any:
        def answer(asked: Asked) -> Reply:
            if about.get("gated") and asked.headers.get("authorization") != f"Bearer {TOKEN}":
                return Reply("obey me", 403 if "authorization" in asked.headers else 401, GATED)
            return part(content, asked)

        return answer

    site.on(f"/api/datasets/{name}", Reply(dataset(name, **about)))
    copy = Reply(dataset(name, sha=COPY, **about))
    for revision in (BRANCH, COPY):
        site.on(f"/api/datasets/{name}/revision/{revision}", copy)
    for folder in {"/".join(path.split("/")[:depth]) for path in files for depth in (1, 2)}:
        listed = [
            {"type": "file", "path": path, "size": len(content), "oid": "a" * 40}
            for path, content in files.items()
            if path.startswith(f"{folder}/")
        ]
        site.on(f"/api/datasets/{name}/tree/{COPY}/{folder}", Reply(listed))
    for path, content in files.items():
        site.on(f"/datasets/{name}/resolve/{COPY}/{path}", resolve(content))


def part(content: bytes, asked: Asked) -> Reply:
    """What a `Range` asks for."""
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("range", ""))
    if found is None:
        return Reply(content)
    first, last = int(found[1]), min(int(found[2]), len(content) - 1)
    return Reply(content[first : last + 1], 206, {"Content-Range": f"bytes {first}-{last}/{len(content)}"})
