"""The formulas against the libraries: models that transformers builds on the meta device, tensors that autograd keeps,
adapters that peft adds, states that torch's AdamW makes."""

from __future__ import annotations

from typing import Any

import pytest

from tools.sizing import architecture, memory
from tools.sizing.known_models import KNOWN
from tools.sizing.training import Setup, Training

torch = pytest.importorskip("torch")
accelerate = pytest.importorskip("accelerate")
transformers = pytest.importorskip("transformers")

SMALL: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 3, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 512, "pad_token_id": 0,
    "num_local_experts": 8, "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 768,
    "shared_expert_intermediate_size": 256,
}  # fmt: skip
TOKENS = (2, 128)


def built(config: dict[str, Any], **given: Any) -> Any:
    """A model in `bfloat16`, on whatever device is the default."""
    made = transformers.AutoConfig.for_model(**config)
    attention = "eager" if config["model_type"] == "gemma2" else "sdpa"
    return transformers.AutoModelForCausalLM.from_config(
        made, dtype=torch.bfloat16, attn_implementation=attention, **given
    )


def small(family: str) -> dict[str, Any]:
    left_out = ("head_dim",) if family in ("phi", "olmo2", "phi3") else ()  # in their configs it is not known
    return {"model_type": family, **{key: value for key, value in SMALL.items() if key not in left_out}}


@pytest.mark.parametrize("name", KNOWN)
def test_the_count_is_transformers_own(name: str) -> None:
    config, known = KNOWN[name]
    with accelerate.init_empty_weights():
        model = built(config)
    model.tie_weights()  # each got a parameter of its own
    assert architecture.parameters(architecture.read(config)) == model.num_parameters() == known


@pytest.mark.parametrize("name", ["Qwen/Qwen3-1.7B-Base", "microsoft/Phi-3-mini-4k-instruct", "Qwen/Qwen1.5-MoE-A2.7B"])
def test_adapters_are_as_large_as_pefts(name: str) -> None:
    peft = pytest.importorskip("peft")
    config, _ = KNOWN[name]
    with accelerate.init_empty_weights():
        model = built(config)
        wrapped = peft.get_peft_model(model, peft.LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    trained = sum(weight.numel() for weight in wrapped.parameters() if weight.requires_grad)
    assert architecture.adapter_parameters(architecture.read(config), 16) == trained


def kept(model: Any, ids: Any) -> int:
    """Bytes of the tensors that autograd keeps for the way back, each storage once, without the weights."""
    own = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    found: dict[int, int] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _still_there = model.base_model(input_ids=ids, use_cache=False)
    return sum(found.values())


@pytest.mark.parametrize("family", architecture.FAMILIES)
def test_activations_are_what_autograd_keeps(family: str) -> None:
    config = small(family)
    shape = architecture.read(config)
    training = Training(sequence=TOKENS[1], batch=TOKENS[0])
    counted = memory.activation_bytes(shape, training, Setup(micro_batch=TOKENS[0]))
    ids = torch.randint(1, 1000, TOKENS)
    measured = kept(built(config).train(), ids)
    assert counted == pytest.approx(measured, rel=0.15), f"{counted / measured:.3f}"


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_activations_of_adapters_are_what_autograd_keeps(family: str) -> None:
    peft = pytest.importorskip("peft")
    config = small(family)
    adapters = peft.LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(built(config), adapters).train()
    training = Training(sequence=TOKENS[1], batch=TOKENS[0], update="lora")
    counted = memory.activation_bytes(architecture.read(config), training, Setup(micro_batch=TOKENS[0]))
    measured = kept(model, torch.randint(1, 1000, TOKENS))
    assert counted == pytest.approx(measured, rel=0.15), f"{counted / measured:.3f}"


def test_gradients_and_adamws_state_of_a_training_step_are_as_counted() -> None:
    config = small("qwen3")
    model, shape = built(config).train(), architecture.read(config)
    training = Training(sequence=TOKENS[1], batch=TOKENS[0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ids = torch.randint(1, 1000, TOKENS)
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    weights = {one.data_ptr(): one for one in model.parameters()}.values()
    assert sum(one.nbytes for one in weights) == memory.weight_bytes(shape, training)
    assert sum(one.grad.nbytes for one in weights) == memory.trained_bytes(shape, training)
    moments = [held[name] for held in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    assert sum(one.nbytes for one in moments) == memory.state_bytes(shape, training)


def test_whole_logits_take_what_a_step_takes_beyond_activations() -> None:
    """The peak of one step's allocations, of a model that is hardly more than its head. TRL's tiles cannot be measured
    so: on the CPU they are folded by other code than on a GPU."""
    config = small("qwen3") | {"vocab_size": 50_000, "hidden_size": 64, "num_hidden_layers": 1}
    shape, training = architecture.read(config), Training(sequence=TOKENS[1], batch=TOKENS[0], whole_logits=True)
    setup = Setup(micro_batch=TOKENS[0])
    model, ids = built(config).train(), torch.randint(1, 1000, TOKENS)
    model(input_ids=ids, labels=ids).loss.backward()  # the gradients stand from here on
    peak = allocated_at_most(lambda: model(input_ids=ids, labels=ids).loss.backward())
    counted = memory.logit_bytes(shape, training, setup) + memory.activation_bytes(shape, training, setup)
    assert counted == pytest.approx(peak, rel=0.2), f"{counted / peak:.3f}"


def allocated_at_most(step: Any) -> int:
    """Bytes beyond what is held already, by torch's profiler."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    now = most = 0
    events = sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    for event in events:
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most
