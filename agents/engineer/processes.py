"""In how many processes a job trains, and what of its batch each of them sees.

A recipe says what a step of the optimizer sees, on all GPUs together: it is tuned so, and stays the same whatever the
machine. TRL's `per_device_train_batch_size` counts for each process, so the recipe's is shared out among them. Steps,
seconds, rates, and completions a prompt are the same for one process and for many.
"""

from __future__ import annotations

import math

from agents.engineer.fitted import memory_of
from agents.engineer.plan import Recipe, View
from protocol.job import Launch
from tools.sizing import recipe
from tools.sizing.fit import as_set_up

CPU_PROCESSES = 2
"""Of a job that asks for several processes and for no GPU, to try it out (services/executor/job/several.py)."""


def launch_of(view: View, config: Recipe) -> Launch:
    """What the task says; else one process a GPU where there are several: by DDP, or by FSDP where a whole copy of the
    model with its optimizer does not fit a GPU."""
    compute = view.request.task.compute
    if compute.launch != "auto":
        return compute.launch
    if compute.gpus < 2:
        return "python"
    return "fsdp" if _needs_shards(view, config) else "ddp"


def devices(view: View, launch: Launch) -> int:
    """That share a step's batch. One process that has several GPUs gives a part to each, too (nn.DataParallel)."""
    return view.request.task.compute.gpus or (1 if launch == "python" else CPU_PROCESSES)


def shared_out(config: Recipe, among: int) -> Recipe:
    """The config for each of so many devices: together they see the batch that was asked for; where it cannot be
    divided, as little more as can be, GRPO's groups of completions whole."""
    batch, accumulation = recipe.batch(config), recipe.accumulation(config)
    if among == 1 or "per_device_train_batch_size" not in config:
        return config
    common = math.gcd(batch, among)
    if accumulation % (among // common) == 0:
        each = batch // common
        accumulation //= among // common
    else:
        group = int(config.get("num_generations") or 1)
        each = next(n for n in range(math.ceil(batch / among), batch + group + 1) if n * among % group == 0)
    found = config | {"per_device_train_batch_size": each}
    return found | {"gradient_accumulation_steps": accumulation} if "gradient_accumulation_steps" in config else found


def _needs_shards(view: View, config: Recipe) -> bool:
    """False where nothing is known, and for adapters: these are merged in the end, which shards cannot be."""
    shape, room = view.shape, memory_of(view.request.task.compute)
    if shape is None or room is None or config.get("use_peft"):
        return False
    gpus = view.request.task.compute.gpus
    training = recipe.training_of(config, view.request.mixture.prompt_tokens_max, gpus)
    whole = recipe.setup_of(config, gpus, "ddp").model_copy(update={"micro_batch": 1})
    return not as_set_up(shape, training, room, whole).fits
