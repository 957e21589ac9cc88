"""The tools that go from a paper to the Hub: what is linked to it, and what it was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Annotated

from huggingface_hub import DatasetInfo, HfApi, ModelInfo, SpaceInfo
from pydantic import Field

from tools.arguments import Arguments
from tools.papers import hub
from tools.papers.identifiers import arxiv_id
from tools.service import Missing
from tools.tool import Desk, Tool

LINKED = 100
"""Models that are looked at for what they were trained on."""
