"""The scripted crew with a Data Curator that makes rows of its own, and trains on them too."""

from __future__ import annotations

from agents.minds.scripted import Call, Conversation, Reply
from tests.runs import scripted_crew

NAME, ROWS, SEED = "digits", 200, 3
SCRIPT = f'''"""Numbers of four digits, with their last."""

import argparse
import json
import random

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
rng = random.Random(parser.parse_args().seed)
for number in rng.sample(range(1000, 10000), {ROWS}):
    print(json.dumps({{"number": number, "digit": number % 10}}))
'''


def crew(talk: Conversation) -> Reply:
    return curator(talk) if "# You are the Data Curator" in talk.system else scripted_crew.crew(talk)


def curator(talk: Conversation) -> Reply:
    """Looks, generates, looks at what came of it, submits."""
    steps = [
        Call("profile_sources"),
        Call("generate_rows", {"name": NAME, "script": SCRIPT, "seed": SEED}),
        Call("check_contamination", {"source": NAME}),
    ]
    if len(talk.results) < len(steps):
        return steps[len(talk.results)]
    even = {"kind": "length", "column": "completion", "at_most": 10}
    sources = [
        {"name": "mine", "use": True, "reason": "it fits", "filters": [even]},
        {"name": NAME, "use": True, "reason": "more of the same"},
    ]
    return Call("submit", {"sources": sources, "summary": "All of them, cleaned by code."})
