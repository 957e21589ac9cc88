"""Against strategy lock-in: the machine-checked abort criterion of every strategy.

The known failure of research agents is to tweak the numbers of one idea for ever. When a strategy's criterion fires
it is closed for the run: the Critic must turn to another, and the graph refuses more of the same.
"""

from __future__ import annotations

from protocol.experiment import Entry, Proposal
from protocol.ledger import Ledger


def fired(ledger: Ledger, strategy: str) -> str | None:
    """Why the strategy's abort criterion has fired, or None. Looks at the ended experiments in their order."""
    ended = [
        entry
        for entry in ledger.entries.values()
        if entry.experiment.strategy == strategy and entry.status in ("scored", "failed")
    ]
    if not ended:
        return None
    criterion = ended[-1].experiment.abort
    failures = _tail_of_failures(ended)
    if failures >= criterion.max_failures:
        return f"{failures} failures in a row"
    scores = [entry.score.value for entry in ended if entry.score is not None]
    since = _since_last_gain(scores, criterion.min_gain)
    if since >= criterion.patience:
        return f"{since} experiments in a row without a gain of {criterion.min_gain:.3f} over {max(scores):.3f}"
    return None


def _tail_of_failures(ended: list[Entry]) -> int:
    count = 0
    for entry in reversed(ended):
        if entry.status != "failed":
            break
        count += 1
    return count


def _since_last_gain(scores: list[float], min_gain: float) -> int:
    """How many scores have come since one was better than all before it by `min_gain`."""
    best, since = float("-inf"), 0
    for value in scores:
        if value >= best + min_gain:
            since = 0
        else:
            since += 1
        best = max(best, value)
    return since


def refusal(ledger: Ledger, proposal: Proposal, seconds_left: float) -> str | None:
    """Why the graph does not accept a proposal, or None."""
    experiment = proposal.experiment
    if experiment.strategy in ledger.closed:
        return f"{experiment.strategy} is closed: {ledger.closed[experiment.strategy]}"
    if experiment.parent is not None and experiment.parent not in ledger.entries:
        return f"it goes on from {experiment.parent}, which does not exist"
    if experiment.seconds > seconds_left:
        return f"it needs {experiment.seconds:.0f} s and {max(0.0, seconds_left):.0f} s are left"
    for id, entry in ledger.entries.items():
        if entry.status == "cancelled":  # refused or left out before: it never ran
            continue
        other = entry.experiment
        same = (other.strategy, other.recipe, other.parent, other.seed, other.rung, other.decoding)
        if id != experiment.id and same == (
            experiment.strategy,
            experiment.recipe,
            experiment.parent,
            experiment.seed,
            experiment.rung,
            experiment.decoding,
        ):
            return f"it repeats {id} to the number"
    return None
