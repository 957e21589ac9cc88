"""Makes the batch of a job fit its GPU before it is queued, where both the model and the GPU are known.

What a job finds out by running out of memory costs its rung, and counts as a failure of its strategy. The batch that a
step of the optimizer sees stays what it was (`agents.experimentalist.memory_ladder` does the same afterwards).
"""

from __future__ import annotations

from agents.engineer.plan import Recipe, View
from protocol.brief import Compute
from protocol.errors import BadInput
from protocol.job import Launch
from tools.sizing import recipe
from tools.sizing.fit import as_set_up
from tools.sizing.gpus import GpuModel, gpu


def fitted(view: View, config: Recipe, launch: Launch = "python") -> Recipe:
    """The config with a smaller micro batch and as much more accumulation, as far as it has to be; as it was where it
    fits, where nothing is known, and where not even one example would."""
    compute, shape = view.request.task.compute, view.shape
    room = memory_of(compute)
    if shape is None or room is None:
        return config
    mixture = view.request.mixture
    training = recipe.training_of(config, mixture.prompt_tokens_max, compute.gpus)
    setup = recipe.setup_of(config, compute.gpus, launch)
    for batch in (size for size in range(setup.micro_batch, 0, -1) if setup.micro_batch % size == 0):
        accumulation = setup.accumulation * setup.micro_batch // batch
        smaller = setup.model_copy(update={"micro_batch": batch, "accumulation": accumulation})
        if as_set_up(shape, training, room, smaller).fits:
            if batch == setup.micro_batch:
                return config
            return config | {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}
    return config


def memory_of(compute: Compute) -> GpuModel | None:
    """The GPU that the task asks for, with no more memory than it asks for; None where it does not say."""
    if not compute.gpus or compute.kind is None:
        return None
    try:
        found = gpu(compute.kind)
    except BadInput:
        return None
    return found.model_copy(update={"memory_gb": min(found.memory_gb, compute.min_memory_gb or found.memory_gb)})
