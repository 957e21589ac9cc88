"""The numbers that the curator decides by, each with its reason. Read by `agents.curator.decide`."""

TRACE_ROWS = 5
TRACE_SHARE = 0.005
"""Fewer overlapping rows than TRACE_ROWS, and at most this share of the source, are chance: short questions repeat.
They are dropped all the same; from here on the source counts as leaking."""

LEAK_WHOLE = 0.20
"""With a fifth of its rows in test, a source was made from test: what is left are its paraphrases."""

NOISE = 0.05
"""Wrong answers that are tolerated: well-kept benchmarks hold about 3.3 % (Northcutt et al. 2021, arXiv:2103.14749).
It is the lower end of the estimate's interval that is held against it, so that a source is not blamed by chance."""

ENOUGH_ROWS = 500
ENOUGH_SHARE = 0.5
"""A mislabelled source is done without where the others hold this many rows (LIMA did well on 1,000 good ones, Zhou
et al. 2023, arXiv:2305.11206; our tasks are narrower), or, of small sets, this share of all rows."""

FORBIDDEN_LICENSES = ("proprietary", "all rights reserved")
"""Licences, case aside, that forbid training. An unknown one is noted, for people to decide."""
