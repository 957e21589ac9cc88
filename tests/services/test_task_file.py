"""Task files: read as they are meant, or refused with line, value and remedy of every fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.errors import BadInput
from services.task_file import load_task, resolve

EXAMPLES = Path(__file__).parents[2] / "examples"

GOOD = """\
name: dates
goal: Write a date as ISO 8601.
base_model: ../tiny/model
prompt: "{text} ->"
answer: " {iso}"
metric: exact_match
data:
  - name: clean
    file: clean.jsonl
  - name: made
    generator: make.py
    args: [clean, --rows, "8000"]
eval:
  dev: {file: dev.jsonl, sample: 500}
  test: {file: test.jsonl}
target: 0.85
budget: {time: 5m}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model, folder = tmp_path / "tiny" / "model", tmp_path / "task"
    for place in (model, folder):
        place.mkdir(parents=True)
    (model / "config.json").touch()
    for name in ("clean.jsonl", "make.py", "dev.jsonl", "test.jsonl"):
        (folder / name).touch()
    return folder


def refused(folder: Path, text: str) -> str:
    path = folder / "task.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_task(path)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{folder}/", "")


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_a_good_file_becomes_a_task(folder: Path) -> None:
    (folder / "task.yaml").write_text(GOOD)
    task = load_task(folder / "task.yaml")
    assert task.base_model == "../tiny/model"
    assert task.budget.time == 300
    assert task.eval.dev.sample == 500
    assert task.data[1].args == ("clean", "--rows", "8000")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/task.yaml")), ids=lambda path: path.parent.name)
def test_our_own_examples_load(path: Path) -> None:
    assert load_task(path).name == path.parent.name


FAULTS = [
    ("sample: 500", "sample: many", r"task.yaml:14: eval.dev.sample is 'many', not a whole number: .*sample: 500"),
    ("sample: 500", "sample: 1.5", r"task.yaml:14: eval.dev.sample is 1.5, not a whole number"),
    ("sample: 500", "sample: -3", r"task.yaml:14: eval.dev.sample is -3, and should be greater than 0"),
    ("target: 0.85", "target: high", r"task.yaml:16: target is 'high', not a number: write e.g. target: 0.85"),
    ("target: 0.85", "target: 85", r"task.yaml:16: target is 85, and should be less than or equal to 1"),
    ("target: 0.85", "target: yes", r"task.yaml:16: target is yes, and YAML reads it as true or false"),
    ("time: 5m", "time: 5 minutes", r"task.yaml:17: budget.time: '5 minutes' is not a duration: write 90s, 5m"),
    ("time: 5m", "time: .inf", r"task.yaml:17: budget.time is not finite"),
    ("time: 5m", "roles: {engineer: {usd: 0}}", r"task.yaml:17: budget.roles.engineer.usd is 0, and should be greater"),
    ("time: 5m", "roles: {engineer: {tokes: 9}}", r"task.yaml:17: 'budget.roles.engineer.tokes' .* mean 'tokens'\?"),
    ("time: 5m", "roles: {enginer: {usd: 2}}", r"task.yaml:17: budget.roles.enginer: .* one of critic, curator, eng"),
    ("time: 5m", "roles: {critic: {time: .inf}}", r"task.yaml:17: budget.roles.critic.time is not finite"),
    ("budget: {time: 5m}", "budget: 5m", r"task.yaml:17: budget is 5m, not a mapping.*budget: \{time: 5m\}"),
    ("prompt:", "promt:", r"^task.yaml:4: 'promt' is not a key of a task: did you mean 'prompt'\?$"),
    ("base_model:", "base-model:", r"task.yaml:3: 'base-model' .* did you mean 'base_model'\?"),
    ("target: 0.85", "dev: {file: dev.jsonl}", r"task.yaml:16: 'dev' .*: 'dev' belongs under 'eval'"),
    ("    generator:", "    genrator:", r"task.yaml:11: 'data\[1\].genrator' .* did you mean 'generator'\?"),
    ("goal: Write a date as ISO 8601.\n", "", r"task.yaml:1: 'goal' is missing: write e.g. goal: "),
    ("goal: Write a date as ISO 8601.", "goal:", r"task.yaml:2: goal is empty, not text: write e.g. goal:"),
    ("  test: {file: test.jsonl}\n", "", r"task.yaml:13: 'test' is missing in eval: write e.g. test: \{file"),
    ("name: dates", "name: my dates", r"task.yaml:1: name is 'my dates', not a plain name"),
    ("name: dates", "name: 2024", r"task.yaml:1: name is 2024, not text: put it in quotes, e.g. '2024'"),
    ('"8000"', "8000", r"task.yaml:12: data\[1\].args\[2\] is 8000, not text: put it in quotes"),
    ("metric: exact_match", "metric: bleu", r"task.yaml:6: metric: 'bleu' is not a metric: use exact_match"),
    ("metric: exact_match", "metric: numeric\nmetric: numeric", r"task.yaml:7: metric stands here and on line 6"),
    ("goal: Write", "goal: [Write", r"task.yaml:3: not valid YAML \(.*\): check quotes, colons"),
    ("goal: Write", "\tgoal: Write", r"task.yaml:2: not valid YAML .*: indent with spaces"),
    ("goal: Write", "goal: !!python/name:os.system\nx: Write", r"task.yaml:2: goal is .*cannot be read"),
    ("goal: Write a date as ISO 8601.", "goal: 2024-13-45", r"task.yaml:2: goal is 2024-13-45, which cannot be read"),
    ("goal: Write a date as ISO 8601.", "goal: &a [*a]", r"task.yaml:2: goal\[0\] contains itself"),
    ("{text} ->", "{text ->", r"task.yaml:4: prompt is '\{text ->', a template that cannot be filled"),
    ("{text} ->", "text ->", r"task.yaml:4: prompt is 'text ->', which names no column"),
    (" {iso}", " {iso.real}", r"task.yaml:5: answer is ' \{iso.real\}', which is not a plain .*reaches into"),
    ("base_model: ../tiny/model", "base_model: ../tiny", r"task.yaml:3: base_model is '../tiny', .*no config.json"),
    (" {iso}", " {}", r"task.yaml:5: answer is ' \{\}', whose \{\} is not a column's name"),
    ("file: clean.jsonl", "file: claen.jsonl", r"task.yaml:9: data\[0\].file is 'claen.jsonl', and no such file"),
    ("file: clean.jsonl", "file: claen.jsonl", r"mend the name, or give its folder with --data DIR$"),
    ("generator: make.py", "generator: mak.py", r"task.yaml:11: data\[1\].generator is 'mak.py', and no such file"),
    ("name: made", "name: clean", r"the names of the data sources repeat: clean, clean"),
    ("    file: clean.jsonl\n", "", r"task.yaml:8: data\[0\]: a source needs one of"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[new.strip()[:30] or old[:30] for old, new, _ in FAULTS])
def test_a_fault_is_told_with_line_value_and_remedy(folder: Path, old: str, new: str, told: str) -> None:
    assert re.search(told, refused(folder, changed(old, new)))


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(folder: Path) -> None:
    text = changed("target: 0.85", "target: high").replace("sample: 500", "sample: many").replace("goal:", "gaol:")
    told = refused(folder, text).splitlines()
    assert [line.split(":")[1] for line in told] == ["2", "14", "16"]


@pytest.mark.parametrize(("text", "told"), [("", "is empty"), ("# nothing\n", "is empty"), ("- a", "is a mapping")])
def test_what_is_no_task_at_all_is_told_so(folder: Path, text: str, told: str) -> None:
    assert told in refused(folder, text)


def test_a_missing_file_a_folder_and_a_binary_are_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="there is no task file"):
        load_task(folder / "nothing.yaml")
    (folder / "task.yaml").write_bytes(b"\xff\xfe\x00n")
    with pytest.raises(BadInput, match="save it as UTF-8"):
        load_task(folder / "task.yaml")
    with pytest.raises(BadInput, match=r"is a folder.*give .*task\.yaml"):
        load_task(folder)


def test_data_folder_comes_before_the_task_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("data")
    (other / "elsewhere.jsonl").touch()
    (folder / "task.yaml").write_text(changed("file: clean.jsonl", "file: elsewhere.jsonl"))
    assert load_task(folder / "task.yaml", other).data[0].file == "elsewhere.jsonl"
    assert resolve("elsewhere.jsonl", folder, other) == other / "elsewhere.jsonl"
    assert resolve("clean.jsonl", folder, other) == folder / "clean.jsonl"


def test_a_file_beside_a_dataset_matters_only_with_a_data_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "task.yaml").write_text(changed("file: clean.jsonl", "dataset: a/b\n    file: rows.csv"))
    assert load_task(folder / "task.yaml").data[0].dataset == "a/b"
    with pytest.raises(BadInput, match=r"rows\.csv"):
        load_task(folder / "task.yaml", tmp_path)


COLUMNS = [
    (
        "clean.jsonl",
        '\n{"text": "a", "date": "b"}\n',
        r":5: .* no column 'iso' is in clean.jsonl: write one",
    ),
    (
        "dev.jsonl",
        '{"iso": "b"}\n{"text": "a", "iso": "b"}\n',
        r":4: .* no column 'text' is in dev.jsonl: write",
    ),
]


@pytest.mark.parametrize(("name", "rows", "told"), COLUMNS)
def test_a_column_that_a_file_lacks_is_told_with_the_template(folder: Path, name: str, rows: str, told: str) -> None:
    (folder / name).write_text(rows)
    assert re.search(told, refused(folder, GOOD))


def test_the_columns_are_those_of_the_file_that_the_run_reads(folder: Path, tmp_path: Path) -> None:
    (folder / "task.yaml").write_text(changed("file: dev.jsonl", "dataset: a/b, file: rows.csv"))
    (folder / "rows.csv").write_text("question,iso\n1,2\n")
    (tmp_path / "rows.csv").write_text("text,iso\n1,2\n")
    assert load_task(folder / "task.yaml", tmp_path).eval.dev.file == "rows.csv"
    with pytest.raises(BadInput, match=r"task\.yaml:4: .*no column 'text' is in rows\.csv: write one of question, iso"):
        load_task(folder / "task.yaml")


METRICS = [
    ("own:score", r"^task.yaml:6: metric is 'python:own:score', and there is no file own.py: put it beside"),
    ("m/mine.py:scor", r"^task.yaml:6: .* m/mine.py has no function 'scor': mend the name, or write def scor\("),
    ("m.torn:score", r"^task.yaml:6: .* line 2 of m/torn.py is not Python \(.*\): mend that line"),
]
MINE = """\
raise RuntimeError("a metric is not run before its time")
try:
    from fast import score as quick
except ImportError:
    def score(prediction, expected): return 1.0
other = score
"""


@pytest.mark.parametrize(("metric", "told"), METRICS)
def test_a_metric_of_the_task_that_is_not_there_is_told(folder: Path, metric: str, told: str) -> None:
    (folder / "m").mkdir()
    (folder / "m" / "mine.py").write_text(MINE)
    (folder / "m" / "torn.py").write_text("\ndef score(:\n")
    assert re.search(told, refused(folder, changed("exact_match", f"python:{metric}")))


@pytest.mark.parametrize("name", ["score", "quick", "other"])
def test_a_metric_of_the_task_is_found_and_not_run(folder: Path, name: str) -> None:
    (folder / "mine.py").write_text(MINE)
    (folder / "task.yaml").write_text(changed("exact_match", f"python:mine:{name}"))
    assert load_task(folder / "task.yaml").metric == f"python:mine:{name}"


COMPUTE = [
    ("gpus: 1, launch: ddp", "compute: launch is ddp, which starts one process a GPU, and gpus is 1: write 2 or more"),
    ("gpus: 2, launch: dp", "launch is 'dp', and should be 'auto', 'python', 'ddp' or 'fsdp'"),
    ("priority: 10", "priority is 10, and should be less than or equal to 9"),
    ("hosts: [https://huggingface.co/x]", r"compute.hosts\[0\]: 'https://huggingface.co/x' is not the name of a host"),
    ("hosts: ['*.co']", "is not the name of a host"),
    ("hosts: huggingface.co", r"hosts is 'huggingface.co', not a list: write e.g. hosts: \[huggingface.co\]"),
    ("requirements: [--pre]", "'--pre' is not a package with versions: write e.g. bitsandbytes==0.48"),
    ("requirements: ['a @ https://x.org/a.whl']", "is not a package with versions"),
    ("requirements: [./mine]", "is not a package with versions"),
    ("disk_gb: .inf", "compute.disk_gb is not finite"),
]


@pytest.mark.parametrize(("compute", "told"), COMPUTE)
def test_what_jobs_cannot_be_given_is_told(folder: Path, compute: str, told: str) -> None:
    assert re.search(told, refused(folder, f"{GOOD}compute: {{{compute}}}\n"))


def test_a_task_says_how_its_jobs_are_started_and_what_they_may_use(folder: Path) -> None:
    said = "gpus: 2, launch: fsdp, priority: 9, hosts: [HuggingFace.co], requirements: ['peft[x] >=0.1, <2', tiktoken]"
    (folder / "task.yaml").write_text(f"{GOOD}compute: {{{said}}}\n")
    compute = load_task(folder / "task.yaml").compute
    assert (compute.launch, compute.priority, compute.hosts) == ("fsdp", 9, ("huggingface.co",))
    assert compute.requirements == ("peft[x] >=0.1, <2", "tiktoken")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
KEYS = st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(["name", "goal", "prompt", "metric", "data", "eval", "target", "budget", "compute", "other"]),
    value=VALUES,
)
def test_any_value_anywhere_gives_a_task_or_a_line(folder: Path, place: str, value: object) -> None:
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(GOOD) | {place: value}, allow_unicode=True))
    try:
        load_task(path)
    except BadInput as error:
        assert all(re.match(r".*task\.yaml:\d+: .+", line) for line in str(error).splitlines()[:10])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, len(GOOD)), cut=st.integers(0, 12), put=st.text(alphabet="ab:{}[]&*!|>-'\"\t\n #%@0", max_size=6)
)
def test_any_slip_of_the_keyboard_gives_a_task_or_a_line(folder: Path, at: int, cut: int, put: str) -> None:
    path = folder / "task.yaml"
    path.write_text(GOOD[:at] + put + GOOD[at + cut :])
    try:
        load_task(path)
    except BadInput as error:
        assert re.match(r".*task\.yaml:\d+: .+", str(error))
