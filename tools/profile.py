"""Puts one source into figures: the `SourceProfile` of a data plan. Called by the curator, on sources that it read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocol.brief import DataSource
from protocol.data import Overlap, SourceProfile
from tools.conflicts import Conflicts
from tools.duplicates import Duplicates
from tools.examples import Example
from tools.label_noise import NoiseEstimate
from tools.token_lengths import Lengths, Ruler


@dataclass(frozen=True)
class Measured:
    """A readable source with everything that was measured on it. Positions refer to `examples`."""

    source: DataSource
    rows: int
    """Rows read, the empty ones among them."""
    bytes: int
    columns: tuple[str, ...]
    examples: Sequence[Example]
    """The rows that are not empty, rendered."""
    prompt_lengths: Lengths
    answer_lengths: Lengths
    ruler: Ruler
    duplicates: Duplicates
    conflicts: Conflicts
    noise: NoiseEstimate | None
    overlap: Overlap

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def empty(self) -> int:
        return self.rows - len(self.examples)


def profile(measured: Measured) -> SourceProfile:
    """The figures of a source. Token lengths are medians and maxima over its rows, in the ruler's unit."""
    noise = measured.noise
    note = f" ({measured.duplicates.note})" if measured.duplicates.note else ""
    return SourceProfile(
        name=measured.name,
        rows=measured.rows,
        bytes=measured.bytes,
        columns=measured.columns,
        license=measured.source.license,
        prompt_tokens_p50=_median(measured.prompt_lengths),
        prompt_tokens_max=longest(measured.prompt_lengths),
        answer_tokens_p50=_median(measured.answer_lengths),
        answer_tokens_max=longest(measured.answer_lengths),
        token_unit=measured.ruler.unit,
        distinct_answers=len({example.answer_key for example in measured.examples}),
        empty=measured.empty,
        exact_duplicates=len(measured.duplicates.exact),
        near_duplicates=measured.duplicates.near_estimate,
        conflicts=measured.conflicts.conflicting,
        compared=measured.conflicts.compared,
        label_noise=None if noise is None else round(noise.share, 4),
        label_noise_evidence=(noise.evidence if noise else "") + note,
        overlap=measured.overlap.model_copy(update={"drop": ()}),  # the counts are what people need
    )


def unreadable(source: DataSource, reason: str) -> SourceProfile:
    """The profile of a source that gave no rows."""
    return SourceProfile(name=source.name, rows=0, bytes=0, columns=(), license=source.license, error=reason)


def longest(lengths: Lengths) -> int:
    return int(lengths.max()) if len(lengths) else 0


def _median(lengths: Lengths) -> float:
    return float(np.median(lengths)) if len(lengths) else 0.0
