"""The job of the fault tests: SFT by TRL whose result is the same each time, and hangs on all that a checkpoint holds.

python deterministic_sft.py [--steps N] [--save-every N] [--pause SECONDS] [--keep N] [--wait-at MOMENT]

Dropout draws from torch's random state, the order of the rows from the sampler's, Adam has its moments and the rate a
schedule. At its MOMENT the first delivery says so by a file, and waits to be killed.
"""

import argparse
import time
from pathlib import Path

MOMENTS = ("writing", "written", "noted", "trained", "saving")


def main(args: argparse.Namespace) -> None:
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback, set_seed
    from transformers.trainer_utils import get_last_checkpoint
    from trl import SFTConfig, SFTTrainer

    letters = "abcdefghijklmnop"
    words = ["<pad>", "<eos>", *letters]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    set_seed(7)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(words), pad_token_id=0, eos_token_id=1, attention_dropout=0.2, **shape)
    )

    def reach(moment: str) -> None:
        if args.wait_at == moment and not Path("moment").exists():
            Path("moment").touch()
            time.sleep(60)

    class Pace(TrainerCallback):
        def on_step_begin(self, arguments, state, control, **kwargs):
            time.sleep(args.pause)

        def on_save(self, arguments, state, control, **kwargs):
            reach("noted")

    class Trainer(SFTTrainer):
        def _save_rng_state(self, folder):
            reach("writing")
            super()._save_rng_state(folder)

        def _save_checkpoint(self, *arguments, **kwargs):
            super()._save_checkpoint(*arguments, **kwargs)
            reach("written")

    config = SFTConfig(
        output_dir="checkpoints",
        max_steps=args.steps,
        learning_rate=3e-3,
        per_device_train_batch_size=2,
        logging_steps=1,
        save_steps=args.save_every,
        save_total_limit=args.keep or None,
        save_strategy="steps",
        report_to="none",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    )
    pairs = [
        {"prompt": " ".join(letters[n : n + 3]), "completion": " " + " ".join(letters[n + 3 : n + 4 + n % 4])}
        for n in range(12)
    ]
    trainer = Trainer(
        model=model, args=config, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer, callbacks=[Pace()]
    )
    last = get_last_checkpoint("checkpoints") if Path("checkpoints").is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    reach("trained")
    if args.wait_at == "saving" and not Path("moment").exists():
        model.config.save_pretrained("model")
        Path("model/model.safetensors").write_bytes(b"\x10")
        reach("saving")
    trainer.save_model("model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--save-every", type=int, default=7)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--keep", type=int, default=0)
    parser.add_argument("--wait-at", choices=MOMENTS)
    main(parser.parse_args())
