"""The model card of what a run ships: the report's facts, from the ledger alone. Used by `postdocs push`.

https://huggingface.co/docs/hub/model-cards; nothing in it names a place on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from protocol.brief import Task
from protocol.data import DataPlan, SourceProfile
from protocol.ledger import Ledger
from protocol.score import Score
from services.report.facts import checks, compared, dev_score, is_floor, noise, recipe, test_score, verdict_on, winner
from services.report.forked import parent, read_how_often, same_split
from services.report.markdown import code, text

HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*")


def card(ledger: Ledger, run: str, repository: str) -> str:
    """README.md, metadata included, of a run that has ended."""
    name, brief = winner(ledger), ledger.brief
    if name is None or brief is None:
        raise ValueError(f"{run} ships nothing that a card could be about")
    task = brief.task
    sections = [
        [f"# {text(repository.rpartition('/')[2])}", "", _what(ledger, task, name), "", text(task.goal), ""],
        _scores(ledger, name),
        _use(ledger, task, name),
        _training(ledger, name),
        _data(ledger, task),
        _limits(ledger, name),
        _rerun(ledger, task, run),
    ]
    body = "\n".join(line for section in sections for line in section).rstrip()
    return f"---\n{_metadata(ledger, task, name, repository)}\n---\n\n{body}\n"


def _metadata(ledger: Ledger, task: Task, name: str, repository: str) -> str:
    """No licence: which one holds, the base model's and the data's say, and their owner decides."""
    from huggingface_hub import EvalResult, ModelCardData

    weights = ledger.plan.mixture.weights if ledger.plan and not is_floor(ledger, name) else {}
    used = {source for source, rows in weights.items() if rows}
    test = test_score(ledger, name)
    held = task.eval.test.dataset if task.eval else None
    result = test and EvalResult(
        task_type="text-generation",
        dataset_type=held or task.name,
        dataset_name=task.name,
        dataset_split=task.eval.test.split if held and task.eval else "test",
        metric_type=task.metric.partition(":")[0],
        metric_name=task.metric if len(task.metric) < 60 else None,
        metric_value=round(test.value, 4),
    )
    data = ModelCardData(
        base_model=task.base_model if HUB_ID.fullmatch(task.base_model) else None,
        datasets=[one.dataset for one in task.data if one.dataset and one.name in used] or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["postdocs"],
        model_name=repository.rpartition("/")[2],
        eval_results=[result] if result else None,
    )
    return data.to_yaml()


def _what(ledger: Ledger, task: Task, name: str) -> str:
    base = code(_base(task))
    if is_floor(ledger, name):
        return f"This is {base} itself with the prompt and decoding that served it best: no training did better."
    return f"{base}, post-trained for one task by a crew of research agents (postdocs): candidate {code(name)}."


def _base(task: Task) -> str:
    """Its id on the Hub, or the folder's name alone."""
    return task.base_model if HUB_ID.fullmatch(task.base_model) else PurePath(task.base_model).name


def _scores(ledger: Ledger, name: str) -> list[str]:
    rows: list[tuple[str, str, Score | None]] = []
    floor = ledger.floor
    if floor:
        rows += [("floor: the untouched base model at its best", "dev", floor.score)]
        if not is_floor(ledger, name):
            rows += [("floor", "test", test_score(ledger, floor.candidate))]
    rows += [(name, "dev", dev_score(ledger, name))] if not is_floor(ledger, name) else []
    rows += [(name, f"test (sealed, {read_how_often(parent(ledger))})", test_score(ledger, name))]
    lines = ["## Result", ""]
    shown = [(who, split, str(score), str(score.n)) for who, split, score in rows if score]
    lines += _table(("", "split", "score [95 % interval]", "items"), shown)
    scored = ledger.scored.get(name)
    lines += [f"- Paired test on dev: {text(compared(test))}." for test in (scored.paired if scored else ())]
    lines += [f"- Unpaired test on dev: {text(compared(test))}." for test in (scored.unpaired if scored else ())]
    verdict = verdict_on(ledger, name)
    if verdict:
        word = "admitted" if verdict.admitted else "refused"
        lines += [f"- The admission gate {word} it:", *(f"  - {text(check)}" for check in checks(verdict))]
    return [*lines, ""]


def _use(ledger: Ledger, task: Task, name: str) -> list[str]:
    scored = ledger.tests.get(name) or ledger.scored.get(name)
    way = f" Decoding as scored: {text(scored.decoding.label())}." if scored else ""
    return [
        "## How to use it",
        "",
        f"Prompt template {code(task.prompt)}, answer {code(task.answer)}, metric {code(task.metric)}.{way}",
        "`generation_config.json` holds the decoding; `prompt.json` holds template, worked examples and stop strings, "
        "exactly as they were scored.",
        "",
    ]


def _training(ledger: Ledger, name: str) -> list[str]:
    if is_floor(ledger, name):
        return []
    way = [ledger.entries[id].experiment for id in reversed(ledger.lineage(name)) if id in ledger.entries]
    lines = ["## How it was trained", ""]
    for number, one in enumerate(way, start=1):
        told = f"{one.id} ({one.strategy}, rung {one.rung}, seed {one.seed}): {one.hypothesis}"
        lines += [f"{number}. {text(told)}", f"   - recipe: {text(recipe(one))}"]
    return [*lines, ""]


def _data(ledger: Ledger, task: Task) -> list[str]:
    plan = ledger.plan
    if plan is None:
        return []
    lines = ["## Data and licences", ""]
    lines += _table(("source", "from", "rows", "used", "licence"), (_source(one, task, plan) for one in plan.profiles))
    lines += [f"- Left out: {text(f'{one.source}, {one.fault}: {one.reason}')}" for one in plan.rejected if one.whole]
    found, mixture = plan.contamination, plan.mixture
    word = "clean" if found.clean else "NOT CLEAN"
    lines += [
        f"- Contamination verdict: {word}. Of {found.rows_checked} rows {found.test_overlap} overlap with test and "
        f"{found.dev_overlap} with dev ({text(found.method)}).",
        f"- Trained on {mixture.rows} rows, sha256 {code(mixture.sha256)}.",
        f"- The licence of the base model {code(_base(task))} holds for this model too; so may those of the data.",
        "",
    ]
    return lines


def _source(profile: SourceProfile, task: Task, plan: DataPlan) -> Sequence[str]:
    source = next((one for one in task.data if one.name == profile.name), None)
    origin = (source.dataset or PurePath(source.file or source.generator or "").name) if source else "made in the run"
    rows = "unreadable" if profile.error else str(profile.rows)
    used = str(plan.mixture.weights.get(profile.name, 0))
    return (profile.name, origin, rows, used, profile.license or "not said")


def _limits(ledger: Ledger, name: str) -> list[str]:
    told = noise(ledger, verdict_on(ledger, name))
    lines = ["## Limits", "", f"- {text(told[:1].upper() + told[1:])}."]
    if len(ledger.scored) > 1:
        lines.append(
            f"- Dev was looked at {len(ledger.scored)} times to choose it, so its dev score is a little too good."
        )
    if parent(ledger):
        lines.append(f"- {text(same_split(ledger))}")
    test = test_score(ledger, name)
    if test:
        lines.append(f"- {test.n} test items settle the score to ±{(test.high - test.low) / 2:.3f} and no closer.")
    lines.append("- It was measured on this one task, with this prompt and decoding, and on nothing else.")
    return [*lines, ""]


def _rerun(ledger: Ledger, task: Task, run: str) -> list[str]:
    held = ledger.eval
    hashes = f" Dev sha256 {code(held.dev_sha256[:12])}, test sha256 {code(held.test_sha256[:12])}." if held else ""
    return [
        "## How to rerun it",
        "",
        f"Run {code(run)} of postdocs, task {code(task.name)}.{hashes} With the run's folder:",
        "",
        "```sh",
        f"postdocs verify runs/{run}/bundle   # rebuild what ships, score it, and say whether it agrees",
        f"postdocs replay {run}               # the whole dialogue, from the journal alone",
        "```",
        "",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(text(cell) for cell in row) + " |" for row in rows), ""]
