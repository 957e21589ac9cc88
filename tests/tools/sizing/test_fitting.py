"""Sizes, fits and hours as pure functions: what must hold whatever the model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BadInput
from tools.sizing import architecture, hours, memory, recipe, told
from tools.sizing.architecture import Unsized
from tools.sizing.fit import as_set_up, fewest_gpus, fit
from tools.sizing.gpus import GPUS, gpu
from tools.sizing.known_models import KNOWN
from tools.sizing.training import Setup, Training

QWEN = architecture.read(KNOWN["Qwen/Qwen3-1.7B-Base"][0])
LLAMA = architecture.read(KNOWN["meta-llama/Llama-3.1-8B"][0])
MOE = architecture.read(KNOWN["Qwen/Qwen3-30B-A3B-Base"][0])
H100, A10G = gpu("h100"), gpu("a10g")
names = st.sampled_from(sorted(KNOWN))
trainings = st.builds(
    Training,
    objective=st.sampled_from(["sft", "dpo", "grpo"]),
    update=st.sampled_from(["full", "lora", "qlora"]),
    optimizer=st.sampled_from(["adamw", "adamw_8bit", "sgd"]),
    sequence=st.integers(2, 8192),
    batch=st.sampled_from([1, 2, 3, 8, 12, 64, 100]),
)


@given(names, trainings, st.sampled_from(sorted(GPUS)), st.sampled_from([1, 2, 8]))
def test_what_is_said_to_fit_fits_and_keeps_the_batch(name: str, training: Training, device: str, gpus: int) -> None:
    shape = architecture.read(KNOWN[name][0])
    found = fit(shape, training, gpu(device), gpus)
    held = memory.breakdown(shape, training, found.setup)
    assert found.memory == held and all(value >= 0 for _, value in held)
    assert found.fits == (held.total <= 1e9 * found.gpu.memory_gb)
    each = max(1, training.batch // gpus)
    assert found.setup.gpus == gpus and found.setup.micro_batch * found.setup.accumulation == each
    if found.fits:
        assert as_set_up(shape, training, found.gpu, found.setup).fits


@given(names, trainings)
def test_a_larger_gpu_or_a_smaller_job_never_fits_worse(name: str, training: Training) -> None:
    shape = architecture.read(KNOWN[name][0])
    smaller = training.model_copy(update={"sequence": max(1, training.sequence // 2)})
    if fit(shape, training, A10G).fits:
        assert fit(shape, training, H100).fits and fit(shape, smaller, A10G).fits


def test_known_cases_come_out_as_people_run_them() -> None:
    """Full fine-tuning of 8 B in bfloat16 takes an H100 with checkpointing; LoRA and QLoRA of it a card of 24 GB
    (https://huggingface.co/blog/llama31, table of training: 60 GB, 16 GB, 6 GB without activations)."""
    full = fit(LLAMA, Training(sequence=2048, batch=16), H100)
    assert full.fits and full.setup.checkpointing and full.setup.sharding == "none"
    state = full.memory.weights + full.memory.gradients + full.memory.optimizer
    assert state == pytest.approx(8 * 8_030_261_248)
    assert fit(LLAMA, Training(sequence=2048, batch=16, update="lora"), A10G).fits
    quantised = fit(LLAMA, Training(sequence=2048, batch=16, update="qlora"), A10G)
    assert quantised.fits and 5e9 < quantised.memory.weights < 7e9
    assert not fit(MOE, Training(sequence=2048, batch=16, update="lora"), A10G).on_gpu


def test_a_cheaper_set_up_is_taken_before_a_dearer_one() -> None:
    assert not fit(QWEN, Training(sequence=512, batch=8), H100).setup.checkpointing
    eight = fewest_gpus(LLAMA, Training(sequence=4096, batch=64, dtype="float32"), H100)
    assert eight is not None and eight.setup.sharding == "fsdp" and eight.fits
    two = fit(LLAMA, Training(sequence=1024, batch=16, update="lora"), H100, 2)
    assert two.setup.sharding == "ddp" and two.memory.buffers == two.memory.gradients


def test_shards_are_parts_and_offloaded_ones_are_on_the_host() -> None:
    training = Training(sequence=1024, batch=8)
    alone = memory.breakdown(LLAMA, training, Setup())
    shared = memory.breakdown(LLAMA, training, Setup(gpus=4, sharding="fsdp"))
    away = Setup(gpus=4, sharding="fsdp", offload=True)
    assert shared.weights == alone.weights / 4 and shared.optimizer == alone.optimizer / 4
    assert memory.breakdown(LLAMA, training, away).optimizer == 0
    assert memory.host_bytes(LLAMA, training, away) == alone.weights + alone.gradients + alone.optimizer


def test_grpo_holds_keys_and_values_of_the_whole_generation_batch() -> None:
    training = Training(objective="grpo", sequence=1024, completion=512, batch=64)
    held = memory.breakdown(QWEN, training, Setup(micro_batch=8, accumulation=8, checkpointing=True))
    keys = 2 * 28 * 8 * 128 * 2 * 1024 * 64
    assert held.cache == pytest.approx(keys + 64 * 151_936 * 6)
    assert held.total < held.weights + held.gradients + held.optimizer + held.cache + held.activations + held.overhead


def test_hours_follow_from_operations_or_from_what_was_measured() -> None:
    """6 N for a token (Kaplan et al.), and the attention's share on top; the passes that checkpointing adds."""
    short = Training(sequence=1, batch=1)
    assert hours.training_flops(QWEN, short, False) == pytest.approx(6 * 1.72e9, rel=0.01)
    assert hours.training_flops(QWEN, short, True) == pytest.approx(8 * 1.72e9, rel=0.01)
    assert hours.training_flops(MOE, short, False) == pytest.approx(6 * 3.3e9, rel=0.1)  # active, not all 30 B
    job = Training(sequence=1024, batch=16)
    found = hours.estimated(QWEN, job, Setup(micro_batch=16), H100, 1000, usd_per_hour=4.0)
    assert found.basis == "estimated" and "30%" in found.told and found.usd == pytest.approx(4.0 * found.hours)
    paced = hours.measured(1000, 0.5, "sft-1 on H100")
    assert paced.hours == pytest.approx(1000 / 0.5 / 3600) and paced.basis == "measured" and paced.usd is None
    practice = job.model_copy(update={"objective": "grpo", "completion": 512})
    assert hours.step_seconds(QWEN, practice, Setup(), H100) > hours.step_seconds(QWEN, job, Setup(), H100)


def test_a_jobs_config_tells_its_training_and_set_up() -> None:
    config = {"per_device_train_batch_size": 16, "gradient_checkpointing": True, "dtype": "bfloat16", "max_length": 700}
    assert recipe.training_of(config, 512, 2) == Training(sequence=700, batch=32)
    assert recipe.setup_of(config, 2) == Setup(gpus=2, sharding="ddp", checkpointing=True, micro_batch=16)
    practice = {"num_generations": 8, "max_completion_length": 256, "gradient_accumulation_steps": 4, "beta": 0.04}
    found = recipe.training_of(practice | {"use_peft": True, "lora_r": 8}, 512)
    assert found.objective == "grpo" and (found.sequence, found.completion) == (768, 256)
    assert found.batch == 32 and found.reference and found.update == "lora" and found.rank == 8


@pytest.mark.parametrize(
    ("config", "told_"),
    [
        ({}, "its model_type is not one of"),
        ({"model_type": "mamba"}, "its model_type is not one of"),
        ({"model_type": "llama", "hidden_size": 64}, "it has no num_hidden_layers, num_attention_heads, vocab_size"),
        ({"model_type": "llama", "hidden_size": "64", "vocab_size": -1}, "it has no hidden_size"),
    ],
)
def test_a_config_without_a_size_is_refused_in_a_sentence(config: dict[str, object], told_: str) -> None:
    with pytest.raises(Unsized, match="does not follow from its config") as caught:
        architecture.read(config)
    assert told_ in str(caught.value)


def test_of_a_model_that_sees_the_text_part_is_sized() -> None:
    inner = KNOWN["google/gemma-3-1b-pt"][0]
    assert architecture.read({"model_type": "gemma3", "text_config": inner}) == architecture.read(inner)


def test_an_unknown_gpu_is_named_with_those_that_are_known() -> None:
    assert gpu("NVIDIA A100-SXM4-80GB").memory_gb == 80 and gpu("a100").memory_gb == 40
    with pytest.raises(BadInput, match="is not known: give one of"):
        gpu("tpu-v4")


def test_what_does_not_fit_is_told_with_what_would() -> None:
    training = Training(sequence=4096, batch=16)
    found = fit(LLAMA, training, A10G)
    assert found.fits and not found.on_gpu and found.host_gb > 60
    assert "fits only with the host's memory" in told.verdict(LLAMA, training, found)
    told_ = told.instead(LLAMA, training, A10G, 1)
    assert "8 × a10g" in told_ and "FSDP full shard" in told_ and told_.endswith("or 1 × h100 (80 GB); or LoRA.")
    t4 = gpu("t4")
    assert "has no bfloat16" in told.verdict(QWEN, Training(sequence=128, batch=1), fit(QWEN, training, t4))
