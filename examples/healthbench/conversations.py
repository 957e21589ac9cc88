"""Held-out splits of the `healthbench` task: conversations with their rubrics, from the Hugging Face Hub.

    python conversations.py dev --rows 100       # JSONL {"Question", "Response", "rubrics", "id"} on stdout

Called by whoever loads `task.yaml`. openai/healthbench (licence MIT) has 5,000 conversations with 48,562 criteria by
262 physicians (arXiv:2505.08775). Needs `huggingface_hub`, and the network once (60 MB). A conversation belongs to dev
or to test by its id, so the two stay apart whatever their sizes are.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

DATASET, FILE = "openai/healthbench", "2025-05-07-06-14-12_oss_eval.jsonl"
SPLITS = ("dev", "test")
SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "System"}

Row = dict[str, Any]


def split_of(id: str) -> str:
    """A quarter is dev."""
    return "dev" if zlib.crc32(id.encode()) % 4 == 0 else "test"


def said(messages: Iterable[Mapping[str, str]]) -> str:
    """A conversation for the task's prompt, which itself puts `User:` before it and `Assistant:` after it."""
    text = "\n\n".join(f"{SPEAKERS.get(one['role'], 'User')}: {one['content'].strip()}" for one in messages)
    return text.removeprefix("User: ")


def read(example: Mapping[str, Any]) -> Row:
    """`Response` is what a physician wrote, where one did; it is not graded, and shows how long answers are."""
    ideal = (example.get("ideal_completions_data") or {}).get("ideal_completion") or ""
    rubrics = [{"criterion": one["criterion"], "points": one["points"]} for one in example["rubrics"]]
    return {
        "id": example["prompt_id"],
        "Question": said(example["prompt"]),
        "Response": ideal,
        "rubrics": rubrics,
    }


def rows(lines: Iterable[str], split: str) -> Iterator[Row]:
    """The split's conversations, those without a criterion to gain points by left out."""
    for example in map(json.loads, lines):
        if split_of(example["prompt_id"]) == split and any(one["points"] > 0 for one in example["rubrics"]):
            yield read(example)


def main() -> None:
    from huggingface_hub import hf_hub_download

    parser = argparse.ArgumentParser(description="HealthBench's conversations as JSONL.")
    parser.add_argument("split", choices=SPLITS)
    parser.add_argument("--rows", type=int, help="A seeded sample of so many.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with Path(hf_hub_download(DATASET, FILE, repo_type="dataset")).open(encoding="utf-8") as lines:
        found = list(rows(lines, given.split))
    if given.rows is not None and given.rows < len(found):
        found = Random(given.seed).sample(found, given.rows)
    for row in found:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
