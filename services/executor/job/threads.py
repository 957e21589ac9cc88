"""How many CPU threads a training uses, found out while it trains. Used by `callback` on machines without a GPU.

Two threads make the steps of a small model half again as fast while both cores are free, and twenty times slower when
something else wants one of them (measured: 24 steps/s, 16 with one thread, 5 with two beside a busy process): OpenMP's
threads wait for each other at every operation. Nobody knows beforehand, so both are tried, again and again.
"""

from __future__ import annotations

import statistics

TRIAL_STEPS = 5
"""Steps of one trial; batches of unlike length make single steps incomparable."""
BETTER = 0.92
"""More threads must take less than this share of one thread's time to be worth their risk."""
COLLAPSE = 3.0
"""A step so many times slower than usual means that the threads wait for each other."""
FIRST_RETRY_SECONDS = 4.0
LONGEST_RETRY_SECONDS = 30.0


class ThreadTuner:
    """Feed it with the seconds of each step; it says how many threads the next one should use."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.threads = 1
        self._times: list[float] = []
        self._single: float | None = None
        self._settled = most == 1
        self._wait = FIRST_RETRY_SECONDS
        self._retry_at = float("inf")

    def after(self, seconds: float, now: float) -> int:
        """Threads for the next step, after one that took `seconds`; `now` in seconds on any clock."""
        if self.most == 1:
            return 1
        self._times.append(seconds)
        if self._settled:
            self._watch(now)
        elif self.threads > 1 and self._single is not None and seconds > COLLAPSE * self._single:
            self._settle(1, now)  # no need to suffer the whole trial
        elif len(self._times) >= TRIAL_STEPS:
            self._judge(now)
        return self.threads

    def _judge(self, now: float) -> None:
        """A trial is over: from one thread to all, or to the better of the two."""
        typical = statistics.median(self._times)
        if self.threads == 1:
            self._single = typical
            self.threads, self._times = self.most, []
        else:
            assert self._single is not None
            self._settle(self.most if typical < BETTER * self._single else 1, now)

    def _settle(self, threads: int, now: float) -> None:
        self.threads, self._times, self._settled = threads, [], True
        self._retry_at = now + self._wait
        self._wait = min(2 * self._wait, LONGEST_RETRY_SECONDS)

    def _watch(self, now: float) -> None:
        """Settled: try again when it is time, at once when the threads collapse."""
        collapsed = self.threads > 1 and self._single is not None and self._times[-1] > COLLAPSE * self._single
        if collapsed:
            self._settle(1, now)
        elif now >= self._retry_at:
            self.threads, self._times, self._settled = 1, [], False
