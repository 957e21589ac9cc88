"""What the tests of the Curator's tools are written with: a desk whose scorer holds dev and test, and whose worker runs
a generator as a plain process (the sandbox has tests of its own)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from protocol.data import CurateRequest
from protocol.generation import Generated, GenerateRequest
from protocol.message import Message
from tests.agents.test_curator import Scorer
from tools.tool import Desk, Tool


@dataclass
class Curating:
    """One turn of the Curator."""

    request: CurateRequest
    scorer: Scorer
    said: list[Message] = field(default_factory=list)

    async def ask(self, service: str, message: Message) -> Message:
        if service == "generation":
            assert isinstance(message, GenerateRequest)
            return self._generate(message)
        return await self.scorer.ask(service, message)

    async def use(self, tool: Tool, **arguments: Any) -> str:
        """As a mind calls it. Raises `ToolFault`."""
        return await tool.run(tool.arguments.model_validate(arguments), self.desk)

    @property
    def desk(self) -> Desk:
        async def say(message: Message) -> None:
            self.said.append(message)

        run, task = Path(self.request.folder), Path(self.request.task_folder)
        return Desk(self.request, run, task, self.ask, say, "curator", "vllm/scripted")

    def _generate(self, asked: GenerateRequest) -> Generated:
        command = [sys.executable, "-c", dedent(asked.script), "--seed", str(asked.seed), *asked.args]
        done = subprocess.run(command, capture_output=True, check=True)
        digest = hashlib.sha256(asked.model_dump_json().encode()).hexdigest()[:12]
        path = Path(asked.folder) / "generated" / f"{asked.name}-{digest}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(done.stdout)
        return Generated(name=asked.name, path=str(path), bytes=len(done.stdout))
