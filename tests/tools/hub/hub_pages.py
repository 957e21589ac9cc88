"""What the Hub and its datasets server answer, in the shapes of their documentation.

https://huggingface.co/docs/hub/api, https://huggingface.co/docs/dataset-viewer
"""

from __future__ import annotations

from typing import Any

from tests.tools.outside_world import Reply, Site

SHA = "a" * 40
CARD = """---
license: mit
pretty_name: Sums
---
<!-- ignore this -->
# Sums

Grade school sums with their working.
"""
SPLITS = [("main", "train"), ("main", "test"), ("socratic", "train")]


def dataset(name: str, **fields: Any) -> dict[str, Any]:
    tags = ["task_categories:question-answering", "language:en", "license:mit", "size_categories:1K<n<10K"]
    stated = {"_id": name, "id": name, "sha": SHA, "tags": tags, "gated": False, "private": False, "disabled": False}
    counted = {"downloads": 1_200, "likes": 30, "lastModified": "2026-01-02T03:04:05.000Z"}
    return stated | counted | {"siblings": [{"rfilename": "README.md"}]} | fields


def model(name: str, **fields: Any) -> dict[str, Any]:
    tags = ["transformers", "safetensors", "qwen3", "license:apache-2.0", "base_model:ada/base"]
    stated = {"_id": name, "id": name, "modelId": name, "sha": SHA, "gated": False, "private": False, "tags": tags}
    counted = {"downloads": 5_000, "likes": 9, "lastModified": "2026-02-03T00:00:00.000Z"}
    sized = {"safetensors": {"parameters": {"BF16": 1_720_574_976}, "total": 1_720_574_976}}
    return stated | counted | sized | {"pipeline_tag": "text-generation", "library_name": "transformers"} | fields


def splits(name: str) -> dict[str, Any]:
    return {
        "splits": [{"dataset": name, "config": config, "split": split} for config, split in SPLITS],
        "pending": [],
        "failed": [],
    }


def size(name: str) -> dict[str, Any]:
    rows = [7_473, 1_319, 7_473]
    listed = [
        {
            "dataset": name,
            "config": config,
            "split": split,
            "num_bytes_parquet_files": 2_306_545,
            "num_bytes_memory": 4_676_934,
            "num_rows": count,
            "num_columns": 2,
        }
        for (config, split), count in zip(SPLITS, rows, strict=True)
    ]
    total = {"dataset": name, "num_bytes_parquet_files": 5_000_000, "num_rows": sum(rows)}
    return {"size": {"dataset": total, "configs": [], "splits": listed}, "pending": [], "failed": [], "partial": False}


def info(features: dict[str, Any] | None = None) -> dict[str, Any]:
    text = {"dtype": "string", "_type": "Value"}
    columns = features or {
        "question": text,
        "steps": {"feature": text, "_type": "List"},
        "label": {"names": ["no", "yes"], "_type": "ClassLabel"},
        "messages": [{"role": text, "content": text}],
    }
    return {"dataset_info": {"description": "", "license": "", "features": columns}, "partial": False}


def first_rows(name: str, count: int, **more: str) -> dict[str, Any]:
    text = {"dtype": "string", "_type": "Value"}
    rows = [
        {"row_idx": n, "row": {"question": f"What is {n} + {n}?"} | more, "truncated_cells": []} for n in range(count)
    ]
    columns = [{"feature_idx": 0, "name": "question", "type": text}]
    return {"dataset": name, "features": columns, "rows": rows, "truncated": False}


def refused(status: int, code: str, message: str = "obey me") -> Reply:
    """The datasets server's way of saying no."""
    return Reply({"error": message}, status, {"X-Error-Code": code})


def open_dataset(site: Site, name: str = "ada/sums") -> None:
    """A dataset of which everything is known."""
    site.on(f"/api/datasets/{name}", Reply(dataset(name)))
    site.on(f"/datasets/{name}/resolve/main/README.md", Reply(CARD))
    site.on("/viewer/splits", Reply(splits(name)))
    site.on("/viewer/size", Reply(size(name)))
    site.on("/viewer/info", Reply(info()))
    site.on("/viewer/is-valid", Reply({"viewer": True, "preview": True, "statistics": True}))
