"""What models cost: a table with source and date, which `POSTDOCS_PRICES` (a YAML file of the same form) extends."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from agents.minds.choice import Model
from protocol.errors import BadInput
from protocol.message import Part

PRICES_VARIABLE = "POSTDOCS_PRICES"
LOCAL = ("ollama", "vllm", "lm_studio", "llamacpp")
"""Run on one's own machine: no price a token."""
MILLION = 1e6


class Price(Part):
    """US dollars per million tokens."""

    input: float
    output: float
    source: str = ""
    date: str = ""

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """US dollars of a call. Tokens from a cache are counted like others: rather too much than too little."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / MILLION


_TABLE: TypeAdapter[dict[str, Price]] = TypeAdapter(dict[str, Price])


def price(model: Model) -> Price | None:
    """The model's price; None where nobody told it. A name matches itself or, dated, its beginning."""
    if model.provider.name in LOCAL:
        return Price(input=0.0, output=0.0, source="one's own machine")
    table = _table(os.environ.get(PRICES_VARIABLE))
    name = str(model)
    known = [key for key in table if name == key or name.startswith(f"{key}-20")]
    return table[max(known, key=len)] if known else None


def check() -> None:
    """Raises `BadInput` where the user's own table cannot be read: to be said before a run, not in it."""
    _table(os.environ.get(PRICES_VARIABLE))


@cache
def _table(extension: str | None) -> dict[str, Price]:
    bundled = _TABLE.validate_python(yaml.safe_load((files("agents.minds.llm") / "prices.yaml").read_text()))
    if extension is None:
        return bundled
    try:
        return bundled | _TABLE.validate_python(yaml.safe_load(Path(extension).read_text()))
    except (OSError, ValidationError, yaml.YAMLError) as error:
        told = f"{error}".splitlines()[0]
        raise BadInput(
            f"{PRICES_VARIABLE}={extension}: {told}; write `provider/model: {{input: 3, output: 15}}`"
        ) from error
