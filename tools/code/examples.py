"""The tool that finds example scripts in the repositories of the libraries that jobs use."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, Field

from tools.arguments import Arguments
from tools.code.github import Ref, Repository, ask
from tools.service import Missing
from tools.tool import Desk, Tool

KNOWN = {
    "huggingface/trl": ("examples/", "trl/scripts/"),
    "huggingface/transformers": ("examples/pytorch/",),
    "huggingface/peft": ("examples/",),
    "huggingface/accelerate": ("examples/",),
    "huggingface/open-r1": ("src/", "recipes/"),
    "huggingface/alignment-handbook": ("scripts/", "recipes/"),
}
"""Repository → its folders of examples."""
SUFFIXES = (".py", ".ipynb", ".yaml", ".yml", ".sh", ".md")
MOST = 60


class FindExamples(Arguments):
    words: Annotated[str, Field(max_length=200)] = ""
    """Words in the path: `grpo`, `dpo lora`, `reward`. Those with more of them come first."""
    repository: Repository = "huggingface/trl"
    """huggingface/trl, transformers, peft, accelerate, open-r1, alignment-handbook have known folders of examples;
    another repository is looked through as a whole."""
    ref: Ref = "HEAD"
    """Branch, tag or commit: take the tag of the installed version."""


class Node(BaseModel):
    path: str
    type: str
    size: int = 0


class Tree(BaseModel):
    tree: list[Node] = []
    truncated: bool = False


async def _find(given: FindExamples, desk: Desk) -> str:
    try:
        found = await ask(f"/repos/{given.repository}/git/trees/{quote(given.ref, safe='')}", {"recursive": 1}, Tree)
    except Missing as error:
        raise Missing(f"there is no {given.repository} at {given.ref}: check both, or search_repositories") from error
    folders = KNOWN.get(given.repository, ("",))
    files = [node for node in found.tree if node.type == "blob" and node.path.startswith(folders)]
    scored = [(_score(node.path, given.words), node) for node in files if node.path.endswith(SUFFIXES)]
    fit = sorted(
        (pair for pair in scored if pair[0] or not given.words.strip()), key=lambda pair: (-pair[0], pair[1].path)
    )
    if not fit:
        return f"none of {len(files)} files in {given.repository} fits: use other words, or none"
    told = [f"{node.path} ({node.size:,} bytes)" for _, node in fit[:MOST]]
    more = [f"[{len(fit) - MOST} more: use more words]"] if len(fit) > MOST else []
    cut = ["[GitHub lists a part of this repository only]"] if found.truncated else []
    return "\n".join([f"{given.repository} at {given.ref} (read them with read_code)", *told, *more, *cut])


def _score(path: str, words: str) -> int:
    """How many of the words are in the path."""
    return sum(word in path.lower() for word in re.findall(r"[a-z0-9]+", words.lower()))


FIND_EXAMPLES = Tool(
    "find_examples",
    "Finds example scripts and recipes in the repositories of TRL, transformers, peft and others, by words in a path.",
    FindExamples,
    _find,
    outside=True,
)
