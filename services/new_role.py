"""Writes the package of a new role: role, prompt, test, pyproject. Called by `postdocs roles new NAME`."""

from __future__ import annotations

import importlib.util
import keyword
import sys
from pathlib import Path
from string import Template

from protocol.crew import name_fault
from protocol.errors import BadInput

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "postdocs-$dashed"
version = "0.1.0"
description = "A role for postdocs: the $title."
requires-python = ">=3.11"
dependencies = ["postdocs"]

[project.entry-points."postdocs.roles"]
$name = "$name.role:ROLE"

[tool.setuptools]
packages = ["$name"]

[tool.setuptools.package-data]
$name = ["*.md"]
"""
ROLE = '''\
"""The $title: says after every critique how far what ships now is above the floor, and how sure that is."""

from __future__ import annotations

from agents.advice import FORM
from agents.prompts import prompt
from agents.role import Ask, Role
from protocol.advice import Advice, AdviceRequest


async def advise(request: AdviceRequest, ask: Ask) -> Advice:
    """By rules, without a language model. An `Advice` may also suggest a `directive`; an empty text says nothing."""
    floor, now = request.digest.floor, request.digest.incumbent_score
    if floor is None or now is None:
        return Advice(text="")
    lead, tried = now.value - floor.value, len(request.digest.entries)
    if lead <= 0:
        return Advice(text=f"Nothing is above the floor after {tried} experiments.")
    sure = "beyond its interval" if now.low > floor.value else "within its interval, so perhaps by chance"
    return Advice(text=f"{request.digest.incumbent} is {lead:+.3f} above the floor after {tried} experiments, {sure}.")


ROLE = Role(
    name="$name",
    about="says how far what ships is above the floor, and how sure that is",
    after="critic",  # brief, reviewer, curator, engineer, experimentalist, critic, a role; left out: on call
    playbook={AdviceRequest: advise},
    prompt=prompt("$name"),
    forms={AdviceRequest: FORM},  # what a language model fills in, where the run has one
)
'''
PROMPT = """\
# You are the $title

You are asked after every critique: how far is what ships now above the floor, and how sure is that?

- Give the difference, its interval, and the number of items that it rests on.
- Say what would settle it: more items, another seed, a longer run.
- Suggest where to go next only if it follows from the figures. The Critic weighs it; nothing is decided by it.
"""
TEST = '''\
"""The $title speaks, by its playbook and with a language model."""

from __future__ import annotations

from $name.role import ROLE

from agents.minds.scripted import Call, Conversation
from services.rehearsal import advice_request, rehearse


def test_it_tells_the_lead_over_the_floor() -> None:
    told = rehearse(ROLE, advice_request())
    assert told.reply.text == "sft-2 is +0.120 above the floor after 2 experiments, beyond its interval."


def test_it_says_nothing_before_there_is_a_floor() -> None:
    request = advice_request()
    told = rehearse(ROLE, advice_request(digest=request.digest.model_copy(update={"floor": None})))
    assert told.reply.text == ""


def test_it_thinks_with_a_language_model() -> None:
    """The model is a script behind a real HTTP server: it shows that the role works, not how well a model thinks."""

    def script(talk: Conversation) -> Call:
        assert "# You are the $title" in talk.system
        assert "Ships now: sft-2" in talk.question
        return Call("submit", {"text": "The lead is real.", "next": "exploit", "strategy": "sft"})

    told = rehearse(ROLE, advice_request(), script)
    assert told.reply.text == "The lead is real."
    assert told.reply.directive.strategy == "sft"
'''


def write_role(name: str, folder: Path) -> list[Path]:
    """Write the package of role `name` into an empty folder; the files written.

    Raises `BadInput` for a name that a role, or a Python package, cannot have, and for a folder that is not empty.
    """
    fault = name_fault(name) or _module_fault(name)
    if fault:
        raise BadInput(fault)
    known = {"name": name, "dashed": name.replace("_", "-"), "title": name.replace("_", " ").title()}
    files = {
        "pyproject.toml": PYPROJECT,
        f"{name}/__init__.py": "",
        f"{name}/role.py": ROLE,
        f"{name}/prompt.md": PROMPT,
        f"tests/test_{name}.py": TEST,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if there:
            raise BadInput(f"{folder} is not empty ({', '.join(there[:3])}): give an empty folder with --into DIR")
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            with (folder / path).open("x") as file:
                file.write(Template(text).substitute(known))
    except OSError as error:
        raise BadInput(f"{folder} cannot be written ({error.strerror}): give another with --into DIR") from error
    return [folder / path for path in files]


def _module_fault(name: str) -> str | None:
    if keyword.iskeyword(name):
        return f"{name!r} is a word of Python, and cannot name a package: choose another name"
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        return f"{name!r} is the name of a Python module that is there already: choose another name"
    return None
