"""What is to be trained, and how it is set up on its GPUs: the two sides of a fit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocol.message import Part

Update = Literal["full", "lora", "qlora"]
Objective = Literal["sft", "dpo", "grpo"]
Optimizer = Literal["adamw", "adamw_8bit", "sgd"]
Dtype = Literal["bfloat16", "float16", "float32"]
Positive = Annotated[int, Field(gt=0)]


class Training(Part):
    """What does not change with the machine."""

    objective: Objective = "sft"
    update: Update = "full"
    """Which weights are trained: all, LoRA's adapters, or those on a base of four bits (QLoRA)."""
    dtype: Dtype = "bfloat16"
    """Of the weights; gradients and AdamW's moments have it too."""
    optimizer: Optimizer = "adamw"
    rank: Positive = 16
    """Of LoRA's adapters."""
    sequence: Positive
    """Tokens of the longest example, prompt and answer."""
    completion: Annotated[int, Field(ge=0)] = 0
    """GRPO: tokens that are generated at most, among those of the sequence."""
    batch: Positive
    """Examples (GRPO: completions; DPO: pairs) that a step of the optimizer sees, on all GPUs together."""
    reference: bool = False
    """A frozen copy of the weights stands beside them: DPO, and GRPO with beta above 0."""
    whole_logits: bool = False
    """The loss makes all logits at once (transformers' Trainer). TRL 1.16 makes them in tiles."""

    @property
    def tensors(self) -> int:
        """Sequences that the model sees for one example."""
        return 2 if self.objective == "dpo" else 1


class Setup(Part):
    """How it runs."""

    gpus: Positive = 1
    sharding: Literal["none", "ddp", "fsdp"] = "none"
    """`ddp`: a whole copy on each GPU; `fsdp`: weights, gradients and optimizer in shards (FULL_SHARD, as ZeRO-3)."""
    offload: bool = False
    """FSDP keeps its shards in the host's memory."""
    checkpointing: bool = False
    """Activations are computed anew on the way back."""
    micro_batch: Positive = 1
    """Examples at a time on each GPU (`per_device_train_batch_size`)."""
    accumulation: Positive = 1

    @property
    def batch(self) -> int:
        return self.gpus * self.micro_batch * self.accumulation

    def headline(self) -> str:
        told = f"micro batch {self.micro_batch} × accumulation {self.accumulation}"
        told += f", {self.gpus} GPUs" if self.gpus > 1 else ""
        told += {"none": "", "ddp": ", DDP", "fsdp": ", FSDP full shard"}[self.sharding]
        told += ", activation checkpointing" if self.checkpointing else ""
        return told + (", shards in host memory" if self.offload else "")
