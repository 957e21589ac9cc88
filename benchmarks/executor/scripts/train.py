"""A training that goes on until it is stopped: TRL's SFTTrainer on a random Llama of a few thousand parameters.

python train.py [--pause SECONDS]
"""

import argparse
import time


def main(args: argparse.Namespace) -> None:
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    words = ["<pad>", "<eos>", *"abcdefgh"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), pad_token_id=0, eos_token_id=1, **shape))

    class Pace(TrainerCallback):
        def on_step_begin(self, arguments, state, control, **kwargs):
            time.sleep(args.pause)

    config = SFTConfig(
        output_dir="checkpoints",
        max_steps=10_000_000,
        per_device_train_batch_size=4,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    )
    pairs = [{"prompt": "a b c", "completion": " d e f"}, {"prompt": "b c d", "completion": " e f g"}] * 8
    trainer = SFTTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer, callbacks=[Pace()]
    )
    trainer.train()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pause", type=float, default=0.0)
    main(parser.parse_args())
