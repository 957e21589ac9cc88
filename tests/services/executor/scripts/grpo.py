"""TRL's GRPOTrainer on a random Llama: sampled completions, rewarded for their length.

python grpo.py [--steps N]
"""

import argparse


def main(args: argparse.Namespace) -> None:
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    words = ["<pad>", "<eos>", *"abcdefgh"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), pad_token_id=0, eos_token_id=1, **shape))

    def reward(completions: list[str], **kwargs: object) -> list[float]:
        return [float(len(completion.split())) for completion in completions]

    config = GRPOConfig(
        output_dir="checkpoints",
        max_steps=args.steps,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=6,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    )
    prompts = Dataset.from_list([{"prompt": "a b c"}, {"prompt": "b c d"}] * 4)
    trainer = GRPOTrainer(
        model=model, args=config, train_dataset=prompts, processing_class=tokenizer, reward_funcs=reward
    )
    trainer.train()
    trainer.save_model("model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3)
    main(parser.parse_args())
