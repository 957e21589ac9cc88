"""The trainings that a model is made of, from its base on, each with files that can be run again anywhere.

Paths of the run are replaced by ones inside the bundle, seconds by the steps that were made in them, and what a script
drew in its time (the answers of rejection sampling) is taken along as it was.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from protocol.errors import BadInput
from protocol.experiment import Entry
from protocol.job import JobSpec
from protocol.ledger import Ledger
from services.bundle.manifest import BASE, DATA, STEPS, Step
from services.trained_model import what_is_missing

RATES = "learning_rates.jsonl"
"""As `seconds_schedule.py` names it."""
CONFIG = "config.yaml"
SAMPLED = "accepted.jsonl"
"""As `rejection_sampling.py` names it."""


class CannotBundle(BadInput):
    """A training cannot be repeated from what is left of it."""


@dataclass
class Chain:
    """Written step by step into a bundle's folder."""

    ledger: Ledger
    candidate: str
    folder: Path
    data: dict[str, str] = field(default_factory=dict)
    """Path in the run → path in the bundle, of what was trained on."""
    requirements: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    _models: dict[str, str] = field(default_factory=dict)
    """Model in the run → how a step names it."""

    def write(self) -> tuple[Step, ...]:
        """Raises `CannotBundle`, `OSError`."""
        assert self.ledger.brief is not None
        self._models[self.ledger.brief.task.base_model] = f"../../{BASE}"
        for id in reversed(self.ledger.lineage(self.candidate)):
            entry, proposal = self.ledger.entries[id], self.ledger.proposals[id]
            if proposal.job is not None:  # else it only asks another way: its weights are its parent's
                self.steps.append(self._step(entry, proposal.job))
        return tuple(self.steps)

    def _step(self, entry: Entry, spec: JobSpec) -> Step:
        id, model = entry.experiment.id, Path(entry.model or "nowhere")
        missing = what_is_missing(model)  # a job has made it: no link of its may lead out of it
        if missing is not None:
            raise CannotBundle(f"the model of {id}, which {self.candidate} is made of, is not whole: {missing}")
        name = f"{STEPS}/{len(self.steps) + 1}-{id}"
        place = self.folder / name
        paths = self._paths(spec, entry)
        for file, text in spec.files.items():
            target = place / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_renamed(text, paths), encoding="utf-8")
        made = _rates(model, entry.steps)
        if made:
            shutil.copyfile(model / RATES, place / RATES)
        elif entry.steps:
            _plan_rates(place, entry.steps)
        if (model / SAMPLED).is_file():
            (place / spec.output).mkdir()
            shutil.copyfile(model / SAMPLED, place / spec.output / SAMPLED)
        self.requirements += spec.requirements
        planned = f"{self._run}/jobs/{id}/{spec.output}"
        self._models |= dict.fromkeys((str(model), planned), f"../{Path(name).name}/{spec.output}")
        return Step(
            experiment=id,
            folder=name,
            argv=tuple(_renamed(part, paths) for part in spec.argv),
            launch=spec.launch,
            gpus=spec.needs.gpus,
            output=spec.output,
            steps=made or entry.steps or None,
            recorded=bool(made),
        )

    @property
    def _run(self) -> str:
        assert self.ledger.brief is not None
        return self.ledger.brief.folder

    def _paths(self, spec: JobSpec, entry: Entry) -> dict[str, str]:
        """What the job reads → where that is, seen from the step's folder."""
        found = dict(self._models)
        for path in spec.reads:
            if path in found:
                continue
            if not Path(path).is_file():
                raise CannotBundle(f"{entry.experiment.id} read {path}, which is not there any more")
            self.data[path] = self.data.get(path) or self._copied(Path(path))
            found[path] = f"../../{self.data[path]}"
        return found

    def _copied(self, path: Path) -> str:
        name = f"{DATA}/{path.name}"
        if (self.folder / name).exists():
            name = f"{DATA}/{len(self.data)}-{path.name}"
        (self.folder / DATA).mkdir(exist_ok=True)
        shutil.copyfile(path, self.folder / name)
        return name


def _renamed(text: str, paths: dict[str, str]) -> str:
    """With each path replaced, the longest first: one may be the beginning of another. A model's id on the Hub may be
    any word: it is replaced only where a config names the model."""
    for path in sorted(paths, key=len, reverse=True):
        if path.startswith("/"):
            text = text.replace(path, paths[path])
        else:
            text = re.sub(
                rf"(?m)^(model_name_or_path:\s*)['\"]?{re.escape(path)}['\"]?[ \t]*$", rf"\g<1>{paths[path]}", text
            )
    return text


def _rates(model: Path, steps: int) -> int:
    """How many steps are recorded; 0 when the record does not reach to the end."""
    try:
        made = len((model / RATES).read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return 0
    return made if made >= steps else 0


def _plan_rates(place: Path, steps: int) -> None:
    """For a training by the clock whose rates were not recorded whole (it went on on another machine): those that its
    schedule gives to so many steps of equal length (`SecondsSchedule.rate`)."""
    try:
        config = yaml.safe_load((place / CONFIG).read_text(encoding="utf-8"))
        by_clock, peak, warmup = (
            float(config.get(name, 0)) for name in ("train_seconds", "learning_rate", "warmup_share")
        )
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError):  # the script has a config of another kind
        return
    if not by_clock or not peak:
        return
    rates = []
    for step in range(steps):
        done = step / steps
        rates.append(peak * (max(0.01, done / warmup) if done < warmup else (1.0 - done) / (1.0 - warmup)))
    (place / RATES).write_text("".join(f"{rate!r}\n" for rate in rates), encoding="utf-8")
