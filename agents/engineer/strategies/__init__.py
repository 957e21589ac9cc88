"""The strategies, in the order in which they are tried when nothing speaks for another."""

from __future__ import annotations

from agents.engineer.plan import StrategyPlan
from agents.engineer.strategies.decoding import DECODING
from agents.engineer.strategies.grpo import GRPO
from agents.engineer.strategies.lora import LORA
from agents.engineer.strategies.rejection_sampling import REJECTION_SAMPLING
from agents.engineer.strategies.sft import SFT

PLANS: dict[str, StrategyPlan] = {plan.name: plan for plan in (SFT, GRPO, REJECTION_SAMPLING, LORA, DECODING)}
