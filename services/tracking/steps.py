"""At which step of a tracker a job's figures stand: trackers take steps that grow. Used by `projection`.

A script may train several times, and each training counts its steps from the beginning: a later one goes on behind the
one before it. A job that is started again, since its worker has died, makes steps again that are there already.
"""

from __future__ import annotations

from collections.abc import Iterable


class Steps:
    """Of one job."""

    def __init__(self) -> None:
        self._first: int | None = None
        """The lowest that was ever logged: a training begins there, what is done again mostly after it."""
        self._last, self._before = 0, 0
        """Of this training, and of those before it in this start of the job."""
        self._names: set[frozenset[str]] = set()
        """Figures that were logged at the last step."""

    def started(self) -> None:
        """The job begins anew, or goes on from a checkpoint."""
        self._last = self._before = 0
        self._names = set()

    def at(self, step: int, names: Iterable[str]) -> int:
        """Where the figures of these names stand that are logged at a step of their training."""
        said = frozenset(names)
        if self._first is None or step < self._first:
            self._first = step
        goes_back = step < self._last or (step == self._last and said in self._names)
        if goes_back and step == self._first:
            self._before += self._last
            self._last, self._names = 0, set()
        if step > self._last:
            self._last, self._names = step, set()
        if step == self._last:
            self._names.add(said)
        return self._before + step
