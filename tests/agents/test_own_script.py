"""The job of an Engineer's own script: a config that its parser can read, the crew's files beside it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.engineer import own_script
from agents.engineer.form import EngineerForm, complete
from agents.engineer.plan import View
from agents.form import BadForm
from protocol.message import Message
from protocol.preflight import Preflight, PreflightRequest
from tests.agents import requests
from tests.graph import story
from tests.runs import own_scripts

OWN = {name: (files("agents.engineer") / "scripts" / name).read_text() for name in ("sft.py", "grpo.py")}
READS_ITSELF = "import yaml\nconfig = yaml.safe_load(open('config.yaml'))\n"


def config(text: str, **numbers: Any) -> dict[str, Any]:
    spec = own_script.job(View(requests.propose()), story.experiment("sft-1"), text, numbers)
    loaded: dict[str, Any] = yaml.safe_load(spec.files["config.yaml"])
    return loaded


@pytest.mark.parametrize(
    "text", [*OWN.values(), own_scripts.SFT, own_scripts.GRPO], ids=["sft", "grpo", "sft2", "grpo2"]
)
def test_trls_own_parser_reads_the_config_of_a_script_with_one(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script's own lines up to its parser are run: TRL refuses a key that it does not know."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config(text, learning_rate=1e-3)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py", "--config", "config.yaml"])
    from trl import GRPOConfig, ModelConfig, ScriptArguments, SFTConfig, TrlParser

    trainer = GRPOConfig if "GRPOConfig" in text else SFTConfig
    names: dict[str, Any] = {}
    head = text.partition("def main(")[0] if "def main(" in text else text.partition("script_args,")[0]
    exec(compile(head.replace("from metric import cut, load, tolerant", ""), "train.py", "exec"), names)
    parser = TrlParser((ScriptArguments, names["CrewArguments"], trainer, ModelConfig))
    script_args, crew_args, training_args, model_args = parser.parse_args_and_config()
    assert (script_args.dataset_name, model_args.model_name_or_path) == ("/m.jsonl", "/base")
    assert training_args.learning_rate == 1e-3 and training_args.use_cpu
    if "metric_folder" in names["CrewArguments"].__dataclass_fields__:
        assert (crew_args.metric, crew_args.metric_folder) == ("exact_match", "task_metric")


def test_a_script_that_reads_the_config_itself_is_told_all() -> None:
    told = config(READS_ITSELF)
    assert told.keys() >= {"train_seconds", "metric", "metric_folder", "stop", "max_length", "max_completion_length"}
    assert "dataset_kwargs" not in told  # it would take the dataset as tokenised


def test_only_with_the_crews_own_tokenisation_trl_leaves_the_rows_alone() -> None:
    assert config(OWN["sft.py"])["dataset_kwargs"] == {"skip_prepare_dataset": True}
    assert "dataset_kwargs" not in config(own_scripts.SFT)


def test_the_files_that_the_prompt_promises_are_there() -> None:
    spec = own_script.job(View(requests.propose()), story.experiment("sft-1"), own_scripts.GRPO, {})
    prompt = (files("agents.engineer") / "prompt.md").read_text()
    promised = {"config.yaml", "metric.py", "pairs.py", "seconds_schedule.py", "sampling.py"}
    assert promised <= spec.files.keys() and all(f"`{name}`" in prompt for name in promised)
    assert "sft.py" not in spec.files and spec.argv == ("train.py", "--config", "config.yaml")


async def test_weights_rows_and_output_are_not_the_engineers_to_set() -> None:
    script = {"text": "", "numbers": {"dataset_name": "/f/sealed/test.jsonl"}, "seconds": 9}
    form = EngineerForm.model_validate({"strategy": "sft", "hypothesis": "h", "script": script})
    with pytest.raises(BadForm, match="leave dataset_name out"):
        await complete(requests.propose(), form, requests.nobody)


async def test_what_goes_on_from_a_model_that_still_trains_is_tried_on_the_base() -> None:
    asked: list[PreflightRequest] = []

    async def worker(recipient: str, message: Message) -> Message:
        assert isinstance(message, PreflightRequest)
        asked.append(message)
        return Preflight(experiment=message.experiment)

    past = [requests.entry("sft-1", status="running"), requests.entry("sft-2", 0.5)]
    for parent in ("sft-1", "sft-2"):
        script = {"text": own_scripts.GRPO, "seconds": 9, "parent": parent}
        form = EngineerForm.model_validate({"strategy": "grpo", "hypothesis": "h", "script": script})
        (proposal,) = (await complete(requests.propose(*past), form, worker)).proposals
        assert proposal.experiment.parent == parent and proposal.job is not None
        assert any(parent in path for path in proposal.job.reads)
    assert [one.spec.reads[0] for one in asked] == ["/base", "/m/sft-2"]
