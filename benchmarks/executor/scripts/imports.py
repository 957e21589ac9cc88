"""What a training script begins with. Says when it has it all, by the monotonic clock, which all processes share."""

import time
from pathlib import Path

import torch  # noqa: F401
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401
from trl import ModelConfig, ScriptArguments, SFTConfig, SFTTrainer, TrlParser, get_peft_config  # noqa: F401

Path("imported").write_text(str(time.monotonic()))
