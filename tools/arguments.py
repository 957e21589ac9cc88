"""What the arguments of the researcher's tools have in common: the line beneath a field is what a model reads of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Arguments(BaseModel):
    """Arguments of one tool. An unknown name is an error that the model is told, not something to pass over."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
