"""What was prepared for a run, kept in `sealed/eval.json`: the task, and the hashes that hold from then on.

It is what a restarted scorer knows a run by. Written by `held_out`, read by `score`, `ship` and `overlap`.
"""

from __future__ import annotations

from pathlib import Path

from protocol.brief import Task
from protocol.data import Split
from protocol.errors import BadInput
from protocol.message import Part
from protocol.score import EvalReady
from services.run_folder import RunFolder
from services.scorer.files import PRIVATE_FILE, private_folder, sha256_file, write_whole
from services.scorer.items import Item, Shot, read_items, read_shots


class EvaluationChanged(BadInput):
    """A held-out file is not what was prepared: no score from it means anything."""

    def __init__(self, path: Path, expected: str) -> None:
        self.path, self.expected = path, expected
        super().__init__(
            f"{path} was changed since the run began (its sha256 was {expected[:12]}…): nothing is scored with it; "
            "put the file back or start a new run"
        )


class NotPrepared(BadInput):
    """Somebody asks for a score before the held-out splits were made."""

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(
            f"the held-out splits of run {run!r} are not there yet: the scorer is asked `prepare_eval` first"
        )


def split_path(folder: RunFolder, split: Split) -> Path:
    return folder.sealed / "test.jsonl" if split == "test" else folder.data / "dev.jsonl"


def shots_path(folder: RunFolder) -> Path:
    return folder.data / "shots.jsonl"


class Evaluation(Part):
    """The held-out splits of one run as they were made."""

    task: Task
    task_folder: str
    data_folder: str | None = None
    ready: EvalReady
    shots_sha256: str
    harness: str | None = None
    """Of a benchmark: version and hash, which hold from then on."""

    @staticmethod
    def path(folder: RunFolder) -> Path:
        return folder.sealed / "eval.json"

    @classmethod
    def load(cls, folder: RunFolder) -> Evaluation:
        """Raises `NotPrepared`."""
        try:
            text = cls.path(folder).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise NotPrepared(folder.id) from None
        return cls.model_validate_json(text)

    def save(self, folder: RunFolder) -> None:
        private_folder(folder.sealed)
        write_whole(self.path(folder), self.model_dump_json(), PRIVATE_FILE)

    def check(self, folder: RunFolder) -> None:
        """Raises `EvaluationChanged` when a file is not byte for byte what was prepared."""
        expected = {
            split_path(folder, "dev"): self.ready.dev_sha256,
            split_path(folder, "test"): self.ready.test_sha256,
            shots_path(folder): self.shots_sha256,
        }
        for path, digest in expected.items():
            if not path.is_file() or sha256_file(path) != digest:
                raise EvaluationChanged(path, digest)

    def items(self, folder: RunFolder, split: Split, limit: int | None = None) -> list[Item]:
        """The first `limit` items of a split, or all; the same ones for everybody."""
        items = read_items(split_path(folder, split))
        return items[:limit] if limit else items

    def shots(self, folder: RunFolder, count: int) -> tuple[Shot, ...]:
        """The first `count` worked examples; fewer where there are fewer."""
        return tuple(read_shots(shots_path(folder))[:count]) if count else ()
