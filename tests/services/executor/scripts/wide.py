"""A training whose memory grows with its batch: long rows through some layers, whose activations are kept.

python wide.py --config config.yaml
"""

from dataclasses import dataclass


@dataclass
class Room:
    device_gb: float = 0.0
    """Memory of the GPU that it may use."""


def main(room, training_args) -> None:
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import SFTTrainer

    if room.device_gb:
        whole = torch.cuda.get_device_properties(0).total_memory / 1e9
        torch.cuda.set_per_process_memory_fraction(room.device_gb / whole)
    torch.manual_seed(0)
    words = {"<pad>": 0, "<eos>": 1} | {f"w{n}": n for n in range(2, 512)}
    raw = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    shape = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(words), pad_token_id=0, eos_token_id=1, max_position_embeddings=512, **shape)
    rows = [{"input_ids": torch.randint(2, 512, (512,)).tolist()} for _ in range(64)]
    trainer = SFTTrainer(
        model=LlamaForCausalLM(config),
        args=training_args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model(training_args.output_dir)


if __name__ == "__main__":
    from trl import SFTConfig, TrlParser

    main(*TrlParser((Room, SFTConfig)).parse_args_and_config())
