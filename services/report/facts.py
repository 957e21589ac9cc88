"""Facts of a run in words: recipes, paired tests, verdicts, and why the winner won.

Used by the report and by `postdocs replay`, so that both say the same.
"""

from __future__ import annotations

import math

from protocol.critique import Verdict
from protocol.experiment import Entry, Experiment
from protocol.ledger import Ledger
from protocol.score import PairedTest, Score, Scored, UnpairedTest
from services.report.forked import parent, read_how_often

RUNNERS_UP = 3
STRATEGIES = {
    "sft": "supervised fine-tuning (sft)",
    "lora": "LoRA adapters (lora)",
    "grpo": "reinforcement learning (grpo)",
    "rejection_sampling": "training on its own right answers (rejection sampling)",
    "decoding": "another way of asking it (decoding)",
    "preference": "preference training (preference)",
    "distillation": "distillation",
    "data": "a change of data (data)",
}
"""For people."""
VERDICTS = {"promote": "shipped", "hold": "held back", "reject": "rejected"}
"""What became of an experiment, for people."""
OVERTAKEN = "shipped for a while, then overtaken"


def recipe(experiment: Experiment) -> str:
    """`learning_rate=0.003, max_steps=400`."""
    told = [
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in _numbers(experiment)
    ]
    return ", ".join(told) or "as it is"


def _numbers(experiment: Experiment) -> list[tuple[str, object]]:
    return [(name, value) for name, value in experiment.recipe.items() if value is not None]


def compared(test: PairedTest | UnpairedTest) -> str:
    """A test against another candidate with all its figures."""
    if isinstance(test, UnpairedTest):
        return (
            f"{test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}] against {test.incumbent} "
            f"(from the means alone, not item by item, p {p_value(test.p_value)})"
        )
    return (
        f"{test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}] against {test.incumbent} "
        f"({test.wins} items won, {test.losses} lost of {test.n}, p {p_value(test.p_value)})"
    )


def p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {value:.2g}"


def verdict_on(ledger: Ledger, candidate: str) -> Verdict | None:
    """The gate's last word on a candidate."""
    return next((v for v in reversed(ledger.verdicts) if v.candidate == candidate), None)


def dev_score(ledger: Ledger, candidate: str) -> Score | None:
    if candidate in ledger.scored:
        return ledger.scored[candidate].score
    return ledger.floor.score if ledger.floor and ledger.floor.candidate == candidate else None


def winner(ledger: Ledger) -> str | None:
    """What ships: as the end says, else what stands in `final_model/` now."""
    if ledger.ended:
        return ledger.ended.candidate
    return ledger.incumbent or (ledger.floor.candidate if ledger.floor else None)


def is_floor(ledger: Ledger, candidate: str | None) -> bool:
    return ledger.floor is not None and ledger.floor.candidate == candidate


def test_score(ledger: Ledger, candidate: str) -> Score | None:
    """On the sealed test split, as the scorer or else the run's end tells it."""
    test = ledger.tests.get(candidate)
    return test.score if test else ledger.ended.test if ledger.ended and ledger.ended.candidate == candidate else None


def is_trial(ledger: Ledger, candidate: str) -> bool:
    """Whether it is the untouched base model in one of the ways of asking it that were tried for the floor."""
    return candidate not in ledger.entries and not is_floor(ledger, candidate)


def best_few_shot(ledger: Ledger) -> Scored | None:
    """The untouched base model behind worked examples, at its best."""
    few = [s for name, s in ledger.scored.items() if name not in ledger.entries and s.decoding.shots]
    return max(few, key=lambda scored: scored.score, default=None)


def strategy(entry: Entry) -> str:
    return STRATEGIES.get(entry.experiment.strategy, entry.experiment.strategy)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def checks(verdict: Verdict) -> list[str]:
    return [f"{'✓' if check.passed else '✗'} {check.name}: {check.figure}" for check in verdict.checks]


def step(entry: Entry) -> str:
    """One experiment of a lineage: `e3 (sft, rung 1): hypothesis → 0.812 [0.775, 0.844]`."""
    experiment = entry.experiment
    came = f"{entry.score}" if entry.score else entry.status
    return f"{experiment.id} ({experiment.strategy}, rung {experiment.rung}): {experiment.hypothesis} → {came}"


def why_it_won(ledger: Ledger) -> list[str]:
    """The winner's case in a few lines: its way, the gate's figures, the noise, what it is worth, who lost to it."""
    name = winner(ledger)
    if name is None:
        return ["Nothing stands in final_model/ yet."]
    if is_floor(ledger, name):
        return [
            "No experiment got past the gate: the floor itself ships.",
            *_score_line(ledger, name),
            *_others(ledger, name),
        ]
    lines = [f"{name} ships. Its way from the base model:"]
    lines += [f"  {n}. {step(ledger.entries[id])}" for n, id in enumerate(reversed(ledger.lineage(name)), start=1)]
    return [*lines, *_gate_lines(ledger, name), *_score_line(ledger, name), *_others(ledger, name)]


def _gate_lines(ledger: Ledger, name: str) -> list[str]:
    verdict = verdict_on(ledger, name)
    if verdict is None:
        return []
    word = "admitted" if verdict.admitted else "refused"
    over = f" over {verdict.incumbent}" if verdict.incumbent else ""
    lines = [f"The gate {word} it{over}:", *(f"  {check}" for check in checks(verdict))]
    if verdict.test:
        lines.append(f"  {'paired' if verdict.paired else 'unpaired'} test: {compared(verdict.test)}")
    return [*lines, f"  {noise(ledger, verdict)}"]


def noise(ledger: Ledger, verdict: Verdict | None = None) -> str:
    """What a change of seed alone may make, beside the lead that has to be held against it."""
    measured = ledger.noise_floor()
    told = "noise floor: no recipe was repeated under another seed"
    if repeats(ledger):
        told = "noise floor: a recipe was repeated under another seed, but too early to tell, as nothing was right yet"
    if measured is not None:
        told = f"noise floor: repeats of one recipe differ by a standard deviation of {measured:.3f}"
    if verdict and verdict.test and not verdict.noise_floor:
        told += f"; no change of seed lies between {verdict.candidate} and {verdict.incumbent}, so any lead would do, "
        told += f"it was {verdict.test.difference:+.3f}"
    elif verdict and verdict.test:
        twice = measured is not None and math.isclose(verdict.noise_floor, 2 * measured)
        told += f"; the gate asked for a lead beyond {'twice that, ' * twice}{verdict.noise_floor:.3f}, "
        told += f"it was {verdict.test.difference:+.3f}"
    return told


def repeats(ledger: Ledger) -> list[tuple[Entry, Entry]]:
    """(experiment, the one that it repeats under another seed), where both have a score."""
    pairs = [(entry, ledger.entries.get(entry.experiment.repeats or "")) for entry in ledger.entries.values()]
    return [(one, twin) for one, twin in pairs if twin and one.score and twin.score]


def _score_line(ledger: Ledger, name: str) -> list[str]:
    parts = [f"floor {ledger.floor.score} on dev"] if ledger.floor else []
    dev = dev_score(ledger, name)
    if dev and not is_floor(ledger, name):
        parts.append(f"{name} {dev} on dev")
    if name in ledger.tests:
        parts.append(f"{ledger.tests[name].score} on the sealed test split, {read_how_often(parent(ledger))}")
    return ["Scores: " + "; ".join(parts) + "."] if parts else []


def _others(ledger: Ledger, name: str) -> list[str]:
    lines = [f"  {entry.experiment.id} {entry.score}: {fate}" for entry, fate in rivals(ledger, name)]
    return ["The next best:", *lines] if lines else []


def rivals(ledger: Ledger, name: str) -> list[tuple[Entry, str]]:
    """The best of those that the winner is not made of, and why they do not ship."""
    own = {name, *ledger.lineage(name)}
    found = [e for e in ledger.entries.values() if e.score and not e.score.failed and e.experiment.id not in own]
    found.sort(key=lambda e: e.score.value if e.score else 0.0, reverse=True)
    return [(entry, _fate(entry)) for entry in found[:RUNNERS_UP]]


def _fate(entry: Entry) -> str:
    if entry.verdict == "promote":
        return OVERTAKEN
    return ": ".join(part for part in (VERDICTS.get(entry.verdict or "", entry.status), entry.reason) if part)
