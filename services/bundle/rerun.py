"""Checks a bundle, rebuilds its model, scores it, and says whether it agrees. Called by `postdocs verify`, and by
`bundle/run.sh` with the code that is in the bundle:

    python -B -m services.bundle.rerun BUNDLE [--work DIR]      # bytecode would be an added file

Exit codes: 0 it agrees · 3 a file differs, or a score lies outside the interval · 2 it is no bundle that can be rerun ·
4 a step failed.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from protocol.data import Split
from protocol.errors import PostdocsError
from protocol.message import Part
from protocol.score import Score
from services.bundle.check import differences
from services.bundle.manifest import Bundle
from services.bundle.rebuild import empty, rebuild, steps_of
from services.bundle.score import scores, splits
from services.scorer.model_folder import model_sha256

AGREES, DIFFERS = 0, 3


class Comparison(Part):
    """One split, then and now."""

    split: Split
    recorded: Score
    rebuilt: Score

    @property
    def agrees(self) -> bool:
        """The rebuilt score lies in the recorded one's 95 % interval."""
        return self.recorded.low <= self.rebuilt.value <= self.recorded.high


class Outcome(Part):
    """What came of it."""

    run: str
    candidate: str
    differences: tuple[str, ...] = ()
    """Of the bundle's files from what they were; with any, nothing was run."""
    comparisons: tuple[Comparison, ...] = ()
    same_weights: bool | None = None
    """Whether the rebuilt model's files are the very same; None where nothing was rebuilt."""
    test_split: bool = True
    """False when the test split has been taken out of the bundle, or cannot be read."""

    @property
    def agrees(self) -> bool:
        return not self.differences and bool(self.comparisons) and all(one.agrees for one in self.comparisons)

    @property
    def exit_code(self) -> int:
        return AGREES if self.agrees else DIFFERS


def rerun(folder: Path, work: Path | None, say: Callable[[str], None]) -> Outcome:
    """Check, rebuild and score; the model stays in `work`, where one is given.

    Raises `BundleUnusable`, `RebuildFailed`, `NotScored`.
    """
    bundle = Bundle.load(folder)
    found = differences(bundle, folder)
    if found:
        return Outcome(run=bundle.run, candidate=bundle.candidate, differences=tuple(found))
    say(f"{len(bundle.files)} files are what they were; rebuilding {steps_of(bundle)}")
    with _place(work) as place:
        model = rebuild(bundle, folder, place, say)
        say("scoring " + " and ".join(splits(bundle, folder)))
        now = scores(bundle, folder, model)
        same = model_sha256(model) == (bundle.trained_sha256 or bundle.base.sha256)
    return Outcome(
        run=bundle.run,
        candidate=bundle.candidate,
        comparisons=tuple(Comparison(split=s, recorded=bundle.scores[s], rebuilt=score) for s, score in now.items()),
        same_weights=same,
        test_split="test" not in bundle.scores or "test" in now,
    )


@contextlib.contextmanager
def _place(work: Path | None) -> Iterator[Path]:
    if work is not None:
        yield empty(work)
        return
    with tempfile.TemporaryDirectory(prefix="postdocs-verify-") as made:
        yield Path(made).resolve()


def told(outcome: Outcome) -> list[str]:
    """For people."""
    if outcome.differences:
        return [*outcome.differences, "the bundle is not what the run wrote: nothing was run"]
    lines = []
    for one in outcome.comparisons:
        word = "agrees: it lies in" if one.agrees else "DISAGREES: it lies outside"
        lines.append(f"{one.split}: {one.rebuilt.value:.3f} rebuilt, {word} the interval of the run's {one.recorded}")
    if not outcome.test_split:
        lines.append("test: not scored, the test split was taken out of this bundle, or is not yours to read")
    if outcome.same_weights:
        lines.append("the rebuilt weights are the same, bit for bit")
    lines.append(f"{outcome.candidate} of {outcome.run} " + ("agrees" if outcome.agrees else "does not agree"))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="run.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--work", type=Path, help="a folder to rebuild in, and to keep; else a temporary one")
    given = parser.parse_args()
    try:
        outcome = rerun(given.bundle.resolve(), given.work, lambda line: print(line, flush=True))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("\n".join(told(outcome)))
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main())
