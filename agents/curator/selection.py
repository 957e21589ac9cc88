"""What the Curator's mind has chosen, beyond which sources: filters, numbers, weights, formats. Filled in by the form,
carried out by `gather` and the playbook; the rules of `decide` hold whatever is chosen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.data import TrlFormat
from tools.filters import Filter


@dataclass(frozen=True)
class Pick:
    """Of one source: the rows that pass all filters, in turn; of those a seeded sample."""

    filters: tuple[Filter, ...] = ()
    at_most: int | None = None


@dataclass(frozen=True)
class Convert:
    """The mixture once more, in a format of TRL's."""

    format: TrlFormat
    conversational: bool = False
    rejected: str = "rejected"
    """Preference: the column that holds the worse answer."""


@dataclass(frozen=True)
class Selection:
    """Of all sources."""

    picks: Mapping[str, Pick] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    """In what proportion the sources stand in the mixture; empty: as they come."""
    cap: int | None = None
    """Rows of the mixture at most."""
    seed: int | None = None
    """Of the order, and so of what the cap leaves out; None: the round's number."""
    formats: tuple[Convert, ...] = ()

    def of(self, source: str) -> Pick:
        return self.picks.get(source, ALL)


ALL = Pick()
AS_THEY_COME = Selection()
"""All rows of all sources: what the playbook takes."""
