"""A model that follows a script, behind a real OpenAI-compatible HTTP server: for tests of roles, with faults to order.

    from agents.minds.scripted import Call, Conversation, ScriptedServer

    def script(talk: Conversation) -> Call:
        return Call("submit", {"verdict": "hold", "reason": "too few items"})

    with ScriptedServer(script) as server:
        ...  # --model vllm/scripted, with VLLM_BASE_URL=server.url

It stands in for a language model and is none: it shows that a crew works, never how well a model thinks.
"""

from agents.minds.scripted.faults import Fault, Faults
from agents.minds.scripted.server import ScriptedServer
from agents.minds.scripted.talk import Call, Conversation, Reply, Script

__all__ = ["Call", "Conversation", "Fault", "Faults", "Reply", "Script", "ScriptedServer"]
