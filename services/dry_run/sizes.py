"""Whether the job of each strategy fits its device, by the very config that would be queued; how long a pass takes.

Called with what the dry run knows of the device. Pure but for the scripts that a job is made of.
"""

from __future__ import annotations

import math

import yaml

from agents.engineer.plan import StrategyPlan, View
from agents.engineer.strategies import PLANS
from protocol.errors import BadInput
from protocol.experiment import Experiment
from protocol.job import JobSpec
from services.dry_run.findings import Finding, Sized
from services.executor.inventory.machine import Machine
from tools.sizing import hours, recipe, told
from tools.sizing.architecture import Architecture
from tools.sizing.fit import Fit, as_set_up
from tools.sizing.gpus import GpuModel
from tools.sizing.training import Setup, Training

CONFIG = "config.yaml"
SHOWN = (
    *("per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "dtype", "max_length"),
    *("max_completion_length", "num_generations", "use_peft", "lora_r"),
)
"""Keys of a config that its size depends on."""


def sizes(
    seen: View, shape: Architecture | None, device: GpuModel | None, machine: Machine, price: float | None
) -> tuple[Sized, ...]:
    """One for each strategy that trains; none where the model or its device is not known."""
    gpus = seen.request.task.compute.gpus
    if gpus and device is None:
        return ()
    room = device or GpuModel(name="this machine's memory", memory_gb=machine.memory_gb, teraflops=0.0)
    found = (_sized(seen, shape, room, one, price) for one in PLANS.values()) if shape is not None else ()
    return tuple(one for one in found if one is not None)


def findings(sized: tuple[Sized, ...], shape: Architecture | None, gpus: int) -> list[Finding]:
    """What of it matters for whether the run makes sense."""
    if shape is None:
        return [Finding(name="sizing", state="unknown", told="the base model's shape is not known")]
    if not sized:
        unknown = "which GPU the jobs get is not known: say it with compute.kind, e.g. h100"
        return [Finding(name="sizing", state="unknown", told=unknown if gpus else "no strategy trains")]
    small = [one.strategy for one in sized if not one.fit.fits]
    if not small:
        return [Finding(name="sizing", state="ok", told="the jobs of all strategies fit, by estimate")]
    told_ = f"by estimate, the jobs of {', '.join(small)} do not fit"
    return [Finding(name="sizing", state="warning", told=told_)]


def _sized(
    seen: View, shape: Architecture | None, room: GpuModel, strategy: StrategyPlan, price: float | None
) -> Sized | None:
    job = _job(seen, strategy)
    config = yaml.safe_load(job.files[CONFIG]) if job is not None else None
    if job is None or not isinstance(config, dict) or shape is None:
        return None
    gpus = seen.request.task.compute.gpus
    mixture = seen.request.mixture
    training = recipe.training_of(config, mixture.prompt_tokens_max, max(1, gpus))
    setup = recipe.setup_of(config, max(1, gpus), job.launch)
    fit = as_set_up(shape, training, room, setup)
    shown = {name: config[name] for name in SHOWN if name in config}
    instead = told.instead(shape, training, room, gpus) if gpus and not fit.fits else ""
    one_pass = _pass(shape, training, setup, fit, mixture.rows, price) if gpus else None
    return Sized(strategy=strategy.name, config=shown, fit=fit, instead=instead, one_pass=one_pass)


def _pass(
    shape: Architecture, training: Training, setup: Setup, fit: Fit, rows: int, price: float | None
) -> hours.Duration | None:
    """Over all rows; GRPO answers each prompt `num_generations` times, which its batch counts as examples."""
    if rows <= 1:
        return None
    return hours.estimated(shape, training, setup, fit.gpu, math.ceil(rows / training.batch), price)


def _job(seen: View, strategy: StrategyPlan) -> JobSpec | None:
    """The first that the strategy would queue; None where it trains nothing here."""
    if strategy.unfit(seen) is not None:
        return None
    experiment = Experiment(
        id=f"{strategy.name}-1",
        strategy=strategy.name,  # type: ignore[arg-type]
        hypothesis="",
        recipe=strategy.first(seen),
        seconds=60.0,
    )
    try:
        return strategy.job(seen, experiment)
    except (BadInput, OSError):
        return None
