"""The training job of these tests: TRL's SFTTrainer on a random Llama of a few thousand parameters.

python sft.py [--steps N] [--rate R] [--save-every N] [--pause SECONDS] [--spoil-at N]
"""

import argparse
import time
from pathlib import Path


def main(args: argparse.Namespace) -> None:
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint
    from trl import SFTConfig, SFTTrainer

    words = ["<pad>", "<eos>", *"abcdefgh"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), pad_token_id=0, eos_token_id=1, **shape))

    class Pace(TrainerCallback):
        def on_step_begin(self, arguments, state, control, **kwargs):
            time.sleep(args.pause)
            if state.global_step == args.spoil_at:
                with torch.no_grad():
                    model.lm_head.weight.fill_(float("nan"))

    config = SFTConfig(
        output_dir="checkpoints",
        max_steps=args.steps,
        learning_rate=args.rate,
        per_device_train_batch_size=2,
        logging_steps=1,
        save_steps=args.save_every,
        save_strategy="steps" if args.save_every else "no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        dataset_num_proc=None,
    )
    pairs = [{"prompt": "a b c", "completion": " d e f"}, {"prompt": "b c d", "completion": " e f g"}] * 4
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer, callbacks=[Pace()]
    )
    last = get_last_checkpoint("checkpoints") if Path("checkpoints").is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    trainer.save_model("model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--save-every", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--spoil-at", type=int, default=-1)
    main(parser.parse_args())
