"""The Reviewer's playbook: reads the base model's facts, cites what fits the problem."""

from __future__ import annotations

from pathlib import Path

from agents.reviewer.playbook import model_facts, review
from protocol.research import Review, ReviewRequest
from tests.agents.requests import nobody
from tests.graph import story

TINY = Path(__file__).parents[2] / "examples" / "tiny" / "model"


async def told() -> Review:
    task = story.TASK.model_copy(update={"base_model": str(TINY)})
    answer = await review(ReviewRequest(task=task, folder="/f", task_folder="/t"), nobody)
    assert isinstance(answer, Review)
    return answer


async def test_it_knows_the_base_model_without_loading_it() -> None:
    answer = await told()
    assert answer.model.architecture == "LlamaForCausalLM"
    assert answer.model.parameters == 984_192
    assert "984,192 parameters" in answer.headline()


async def test_every_technique_has_a_reason_and_a_source() -> None:
    techniques = (await told()).techniques
    assert {"sft", "lora", "grpo", "rejection_sampling", "decoding", "data", "evaluation"} <= {
        technique.strategy for technique in techniques
    }
    assert all(technique.why and technique.citations for technique in techniques)
    assert len({technique.id for technique in techniques}) == len(techniques)


def test_a_model_that_is_not_on_this_machine_is_unknown() -> None:
    assert model_facts(Path("/nowhere")).architecture == "unknown"
