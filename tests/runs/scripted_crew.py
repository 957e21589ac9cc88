"""A script that plays all five roles, for runs against the scripted model server. It stands in for a language model:
what it decides is written down here, and shows that the crew works, not how well a model thinks."""

from __future__ import annotations

import re

from agents.minds.scripted import Call, Conversation, Reply


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
    return Call("submit", {"strategy": "sft", "hypothesis": "the answers can be learned from the rows"})


def experimentalist(talk: Conversation) -> Reply:
    proposals = talk.question.partition("# Proposals")[2]
    ids = re.findall(r"^- ([\w-]+) \[", proposals, re.MULTILINE)
    return Call("submit", {"order": ids})


def critic(talk: Conversation) -> Reply:
    """Promotes by the figures; where the form refuses that, holds."""
    opened = re.search(r"Open strategies: ([^.]*)\.", talk.question)
    names = opened[1].split(", ") if opened else []
    mine = re.search(r"# The experiment\n.*?\n[\w-]+ \[(\w+)", talk.question, re.DOTALL)
    stay = mine is not None and mine[1] in names
    other = next((name for name in names if mine is None or name != mine[1]), None)
    verdict = "promote" if not talk.results else "hold"
    next_ = "exploit" if stay else "change_strategy" if other else "stop"
    answer = {"verdict": verdict, "reason": "by the paired test", "next": next_, "next_reason": "by its curve"}
    return Call("submit", answer | ({"strategy": other} if next_ == "change_strategy" else {}))
