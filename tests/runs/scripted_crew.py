"""A script that plays all five roles, for runs against the scripted model server. It stands in for a language model:
what it decides is written down here, and shows that the crew works, not how well a model thinks."""

from __future__ import annotations

import re
from collections.abc import Collection

from agents.minds.scripted import Call, Conversation, Reply
from tests.runs import own_scripts

JOB_SECONDS = 40.0
"""Longer than its steps take on a slow machine: a job ends with its last step."""


def crew(talk: Conversation) -> Reply:
    """The reply of whichever role is asked."""
    role = re.search(r"# You are the ([\w ]+)", talk.system)
    assert role is not None, "every role says who it is"
    return {
        "Reviewer": reviewer,
        "Data Curator": curator,
        "Engineer": engineer,
        "Experimentalist": experimentalist,
        "Critic": critic,
    }[role[1]](talk)


def reviewer(talk: Conversation) -> Reply:
    if not talk.results:
        return Call("search_knowledge", {"query": "supervised fine-tuning on given answers", "limit": 3})
    ids = re.findall(r"^([\w-]+) \[(\w+)\]", talk.results[0], re.MULTILINE)
    techniques = [
        {"id": id, "name": id, "strategy": strategy, "summary": "as the source says", "why": "there are answers"}
        for id, strategy in ids
    ]
    return Call("submit", {"summary": "Answers are given: fine-tune.", "techniques": techniques})


def curator(talk: Conversation) -> Reply:
    if not talk.results:
        return Call("profile_sources")
    names = re.findall(r'^- \{"name":"([^"]+)"|"name":"([^"]+)"\}?$', talk.question, re.MULTILINE)
    found = [one or other for one, other in names] or re.findall(r'"name":"([^"]+)"', talk.question)
    sources = [{"name": name, "use": True, "reason": "it fits"} for name in dict.fromkeys(found)]
    return Call("submit", {"sources": sources, "summary": "All of them, cleaned by code."})


def engineer(talk: Conversation) -> Reply:
    """Writes its own scripts: supervised first, with a mistake that it mends when it is told; then practice, from what
    ships, as soon as that is right sometimes."""
    if not talk.results:
        return [Call("show_script", {"name": "sft.py"}), Call("signature", {"name": "trl.SFTTrainer"})]
    known = re.findall(r"^- ([\w-]+) \[(\w+), rung", talk.question, re.MULTILINE)
    ships = re.search(r"Ships now: (sft-\d+)", talk.question)
    tried = len({id for id, strategy in known if strategy == ("grpo" if ships else "sft")})
    if ships:
        numbers = own_scripts.GRPO_NUMBERS | {"seed": tried}
        return _on_the_bench(talk, {"numbers": numbers, "seconds": JOB_SECONDS, "parent": ships[1]})
    mended = known or any(own_scripts.SAID_OF_IT in result for result in talk.results)
    text = own_scripts.SFT if mended else own_scripts.WITH_A_MISTAKE
    script = {"text": text, "numbers": own_scripts.SFT_NUMBERS | {"seed": tried}, "seconds": JOB_SECONDS}
    return Call("submit", {"strategy": "sft", "hypothesis": "the answers can be learned", "script": script})


def _on_the_bench(talk: Conversation, how: dict[str, object]) -> Reply:
    """Practice, by a script that is written, tried, and submitted by its name."""
    done = {call.tool for call in talk.called}
    if "write_script" not in done:
        return Call("write_script", {"name": "practice.py", "text": own_scripts.GRPO})
    if "try_script" not in done:
        return Call("try_script", {"name": "practice.py", "strategy": "grpo", **how})
    script = {"file": "practice.py", **how}
    return Call("submit", {"strategy": "grpo", "hypothesis": "it gains from practice", "script": script})


def known_strategies(talk: Conversation) -> Reply:
    """The same crew, but the Engineer leaves script and numbers to the crew's own search, and the Critic ends the run
    as soon as it may."""
    if "# You are the Engineer" in talk.system:
        return Call("submit", {"strategy": "sft", "hypothesis": "the answers can be learned from the rows"})
    return critic(talk, ends_with=("sft", "grpo")) if "# You are the Critic" in talk.system else crew(talk)


def experimentalist(talk: Conversation) -> Reply:
    if "# Remedies" in talk.question:
        offered = talk.question.partition("# Remedies\n1. ")[2]
        return Call("submit", {"remedy": 1 if offered else None, "words": "by its evidence"})
    proposals = talk.question.partition("# Proposals")[2]
    return Call("submit", {"order": re.findall(r"^- ([\w-]+) \[", proposals, re.MULTILINE)})


def critic(talk: Conversation, ends_with: Collection[str] = ("grpo",)) -> Reply:
    """Promotes by the figures; where the form refuses that, holds. Ends the run, when the target is met, after an
    experiment of the strategies `ends_with`."""
    opened = re.search(r"Open strategies: ([^.]*)\.", talk.question)
    names = opened[1].split(", ") if opened else []
    mine = re.search(r"# The experiment\n.*?\n[\w-]+ \[(\w+)", talk.question, re.DOTALL)
    strategy = mine[1] if mine else ""
    other = next((name for name in names if name != strategy), None)
    refused = " ".join(talk.results)
    answer = {
        "verdict": "hold" if "promote is not possible" in refused else "promote",
        "reason": "by the paired test",
        "next": "exploit" if strategy in names else "change_strategy" if other else "stop",
        "next_reason": "by its curve",
    }
    if strategy in ends_with and "do not stop" not in refused:
        answer["next"] = "stop"
    return Call("submit", answer | ({"strategy": other} if answer["next"] == "change_strategy" else {}))
