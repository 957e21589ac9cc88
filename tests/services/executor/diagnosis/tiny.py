"""Laid beside the scripts that fail: the smallest model and tokenizer that TRL trains."""

from typing import Any

WORDS = ["<pad>", "<eos>", *"abcdefgh", *(f"w{n}" for n in range(200))]
PAIRS = [{"prompt": "a b c", "completion": " d e f"}, {"prompt": "b c d", "completion": " e f g"}] * 4


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")


def model() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), pad_token_id=0, eos_token_id=1, **shape))


COMMON = {
    "output_dir": "checkpoints",
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "disable_tqdm": True,
    "max_steps": 100_000,
    "per_device_train_batch_size": 4,
}


def sft(rows: Any = PAIRS, callbacks: Any = (), trainer: Any = None, **config: Any) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    return (trainer or SFTTrainer)(
        model=model(),
        args=SFTConfig(**(COMMON | config)),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer(),
        callbacks=list(callbacks),
    )


def grpo(reward: Any, rows: Any = ({"prompt": "a b c"}, {"prompt": "b c d"}), **config: Any) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    model().save_pretrained("base")  # where the reference model is loaded from
    return GRPOTrainer(
        model="base",
        args=GRPOConfig(**(COMMON | {"num_generations": 4, "max_completion_length": 4} | config)),
        train_dataset=Dataset.from_list(list(rows) * 8),
        processing_class=tokenizer(),
        reward_funcs=reward,
    )
