"""What the Data Curator is asked and answers: which rows to train on, and why not the others."""

from __future__ import annotations

from typing import Literal

from protocol.brief import Task
from protocol.found import FoundDataset
from protocol.generation import Provenance
from protocol.message import Message, Part

Split = Literal["dev", "test"]


class OverlapRequest(Message):
    """To the scorer: how many of these rows also stand in a held-out split? It reveals counts, and for `dev`
    and `test` alike which of the *given* rows to drop; never a held-out row."""

    type: Literal["overlap_request"] = "overlap_request"
    name: str
    path: str
    """A JSONL file of rows with `prompt` and `completion`."""
    sha256: str = ""
    """Of the file: about another content it is another question."""

    def headline(self) -> str:
        return f"does {self.name} overlap with dev or test?"


class Overlap(Message):
    """Counts of rows of a source that stand in the held-out splits, exactly (after case and space are
    normalised) or nearly (word 8-grams shared, GPT-3 appendix C, arXiv:2005.14165)."""

    type: Literal["overlap"] = "overlap"
    name: str
    rows: int
    dev_exact: int
    dev_near: int
    test_exact: int
    test_near: int
    drop: tuple[int, ...] = ()
    """Positions (0-based) of the given rows that overlap with either split."""

    def headline(self) -> str:
        return (
            f"{self.name}: {self.dev_exact + self.dev_near} of {self.rows} rows overlap with dev, "
            f"{self.test_exact + self.test_near} with test"
        )


class CurateRequest(Message):
    """What shall we train on?"""

    type: Literal["curate_request"] = "curate_request"
    task: Task
    folder: str
    task_folder: str
    data_folder: str | None = None
    base_model: str
    round: int = 0

    def headline(self) -> str:
        return "what shall we train on, out of " + ", ".join(source.name for source in self.task.data)


class SourceProfile(Part):
    """One source in figures. Shares are fractions of its rows."""

    name: str
    rows: int
    bytes: int
    columns: tuple[str, ...]
    license: str | None = None
    prompt_tokens_p50: float = 0.0
    prompt_tokens_max: int = 0
    answer_tokens_p50: float = 0.0
    answer_tokens_max: int = 0
    token_unit: Literal["tokens", "characters"] = "tokens"
    distinct_answers: int = 0
    empty: int = 0
    """Rows with an empty prompt or answer, or a column missing."""
    exact_duplicates: int = 0
    near_duplicates: int = 0
    conflicts: int = 0
    """Rows whose prompt stands with another answer elsewhere (this source, others, dev)."""
    compared: int = 0
    """Rows whose prompt stands anywhere else at all: the base of `conflicts`."""
    label_noise: float | None = None
    """Estimated share of wrong answers; None where there is no evidence."""
    label_noise_evidence: str = ""
    overlap: Overlap | None = None
    error: str | None = None
    """Why the source could not be read, else None."""
    synthetic: Provenance | None = None
    """Where its rows come from, when the crew has generated them, …"""
    found: FoundDataset | None = None
    """… and when it has found them on the Hub."""

    @property
    def origin(self) -> str:
        """Where its rows come from, in a line; empty where the task itself names them."""
        known = self.synthetic or self.found
        return known.told() if known else ""


Fault = Literal[
    "leaking",
    "mislabelled",
    "duplicated",
    "unreadable",
    "empty",
    "licence",
    "conflicting",
    "too_long",
    "unfit",
    "filtered",
    "surplus",
]
"""filtered: by a filter of the Curator's. surplus: beyond the share or the number that the Curator has set."""

TrlFormat = Literal["prompt_completion", "messages", "preference", "prompt_only"]
"""Dataset types of TRL 1.16 (https://huggingface.co/docs/trl/dataset_formats)."""


class Rejection(Part):
    """A source, or some rows of it, that will not be trained on."""

    source: str
    fault: Fault
    rows: int
    whole: bool
    """True when the whole source was rejected, False when only these rows were dropped."""
    reason: str


class Contamination(Part):
    """The verdict on the mixture as it will be trained on."""

    clean: bool
    rows_checked: int
    test_overlap: int
    dev_overlap: int
    method: str = "exact match after normalisation, and shared word 8-grams"


class Converted(Part):
    """The mixture in one of TRL's formats."""

    format: TrlFormat
    conversational: bool
    """Lists of messages with `role` and `content`, else plain texts."""
    path: str
    sha256: str
    rows: int
    left_out: int = 0
    """Rows of the mixture that have no such form."""


class Mixture(Part):
    """The rows to train on."""

    name: str
    path: str
    """JSONL with `prompt`, `completion`, `answer` and the row's own columns under `row`."""
    sha256: str
    rows: int
    weights: dict[str, int]
    """Rows taken from each source."""
    prompt_tokens_max: int
    answer_tokens_max: int
    converted: tuple[Converted, ...] = ()
    """The same rows in other formats, for scripts that want them."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that its rows are in."""
        return (self.path, *(one.path for one in self.converted))


class DataPlan(Message):
    """What to train on, what was rejected and why, and whether it is clean."""

    type: Literal["data_plan"] = "data_plan"
    profiles: tuple[SourceProfile, ...]
    mixture: Mixture
    rejected: tuple[Rejection, ...] = ()
    contamination: Contamination
    summary: str = ""

    def headline(self) -> str:
        clean = "clean" if self.contamination.clean else "CONTAMINATED"
        told = "; ".join(f"{r.source}: {r.fault}, {r.rows} rows" for r in self.rejected)
        return f"{self.mixture.rows} rows to train on, {clean}" + (f". Rejected: {told}" if told else "")
