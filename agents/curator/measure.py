"""Measures all sources that were read: lengths, duplicates, conflicts, noise. CPU work, called in a thread by the
playbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agents.curator.gather import Gathered
from protocol.data import Overlap
from tools import conflicts, duplicates, label_noise
from tools.examples import Example
from tools.profile import Measured
from tools.token_lengths import ruler


def measure(
    gathered: Sequence[Gathered], overlaps: Mapping[str, Overlap], dev: Sequence[Example], model: Path
) -> list[Measured]:
    """Everything that decisions rest on, for each of the sources, in their order."""
    measuring = ruler(model)
    sources = {one.source.name: one.examples for one in gathered}
    conflicting = conflicts.count(sources, dev)
    noise = label_noise.combined(sources, dev)
    return [
        Measured(
            source=one.source,
            rows=one.rows,
            bytes=one.bytes,
            columns=one.columns,
            examples=one.examples,
            prompt_lengths=measuring.measure([example.prompt for example in one.examples]),
            answer_lengths=measuring.measure([example.completion for example in one.examples]),
            ruler=measuring,
            duplicates=duplicates.find(one.examples),
            conflicts=conflicting[one.source.name],
            noise=noise.get(one.source.name),
            overlap=overlaps[one.source.name],
        )
        for one in gathered
    ]
