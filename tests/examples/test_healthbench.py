"""`examples/healthbench`: conversations as the Hub's file has them, and grades by a grader that answers over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from services.task_file import load_task
from tools.templates import render

POINTS = [("Says to call an ambulance", 8), ("Is polite", 2), ("Gives a wrong dose", -5)]
Answer = tuple[int, str]


def line(number: int, **changes: Any) -> str:
    """An example, in the shape of 2025-05-07-06-14-12_oss_eval.jsonl."""
    rubrics = [{"criterion": told, "points": points, "tags": ["axis:accuracy"]} for told, points in POINTS]
    prompt = [
        {"role": "user", "content": f"My chest hurts {number}. "},
        {"role": "assistant", "content": "Since when?"},
        {"role": "user", "content": "An hour."},
    ]
    ideal = {"ideal_completion": "Call an ambulance.", "ideal_completions_group": "Group 1"}
    stated = {"prompt_id": f"id-{number}", "prompt": prompt, "rubrics": rubrics, "example_tags": [], "canary": "c"}
    return json.dumps(stated | {"ideal_completions_data": ideal} | changes)


@pytest.fixture(scope="module")
def conversations(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("healthbench/conversations.py")


@pytest.fixture(scope="module")
def grade(example: Callable[[str], ModuleType]) -> ModuleType:
    return example("healthbench/grade.py")


@pytest.fixture
def grader(monkeypatch: pytest.MonkeyPatch, grade: ModuleType) -> Iterator[list[Any]]:
    """What it is asked and, set by the test, how it answers: `grader[0]` is a function of the prompt."""
    state: list[Any] = [lambda prompt: (200, verdict(False))]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.append((self.path, self.headers["Authorization"], asked))
            status, text = state[0](asked["messages"][0]["content"])
            body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("GRADER_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.setenv("GRADER_MODEL", "judge")
    monkeypatch.setenv("GRADER_API_KEY", "k")
    monkeypatch.setattr(grade, "TRIES", 2)
    yield state
    server.shutdown()
    server.server_close()


def verdict(met: bool) -> str:
    return f'```json\n{{"explanation": "so it is", "met": {json.dumps(met)}}}\n```'


def rows(conversations: ModuleType, count: int) -> list[dict[str, Any]]:
    return [conversations.read(json.loads(line(n))) for n in range(count)]


def test_a_conversation_is_in_one_split_and_holds_its_rubrics(conversations: ModuleType) -> None:
    lines = [line(n) for n in range(400)]
    split = {name: [row["id"] for row in conversations.rows(lines, name)] for name in conversations.SPLITS}
    assert not set(split["dev"]) & set(split["test"]) and len(split["dev"]) + len(split["test"]) == 400
    assert 60 < len(split["dev"]) < 140
    worthless = line(1, rubrics=[{"criterion": "Is rude", "points": -3, "tags": []}])
    assert not [*conversations.rows([worthless], "dev"), *conversations.rows([worthless], "test")]
    assert conversations.read(json.loads(line(2, ideal_completions_data=None)))["Response"] == ""


def test_the_templates_of_the_task_render_it(conversations: ModuleType, examples: Path) -> None:
    task = load_task(examples / "healthbench" / "task.yaml")
    prompt = render(task.prompt, rows(conversations, 1)[0])
    assert prompt == "User: My chest hurts 0.\n\nAssistant: Since when?\n\nUser: An hour.\n\nAssistant:"


def test_points_are_gained_and_lost_as_the_paper_says(
    grade: ModuleType, conversations: ModuleType, grader: list[Any]
) -> None:
    met = {"Says to call an ambulance": "ambulance", "Gives a wrong dose": "10 g", "Is polite": "please"}

    def judge(prompt: str) -> Answer:
        answer = prompt.partition("<answer>")[2].partition("</answer>")[0]
        criterion = prompt.partition("<criterion>\n")[2].partition("\n</criterion>")[0]
        return 200, verdict(met[criterion] in answer)

    grader[0] = judge
    answers = ["Call an ambulance, please.", "Take 10 g of it.", "Call an ambulance and take 10 g."]
    found = grade.scores(rows(conversations, 3), answers)
    assert found == [1.0, -0.5, 0.3]
    path, key, asked = grader[1]
    assert (path, key, asked["model"]) == ("/v1/chat/completions", "Bearer k", "judge") and len(grader) == 1 + 9
    told = grade.result(found)
    assert told["accuracy"] == pytest.approx(0.8 / 3) and 0 < told["stderr"] <= 0.5
    assert grade.result([-0.5, -0.1])["accuracy"] == 0.0


def test_a_busy_grader_is_asked_again_and_one_that_refuses_ends_it(
    grade: ModuleType, conversations: ModuleType, grader: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([(429, ""), (200, verdict(True)), (200, "no json"), (200, verdict(True)), (200, verdict(True))])
    grader[0] = lambda prompt: next(calls)
    monkeypatch.setenv("GRADER_THREADS", "1")
    assert grade.scores(rows(conversations, 1), ["…"]) == [0.5]
    grader[0] = lambda prompt: (401, "")
    with pytest.raises(grade.GraderFailed, match="refuses"):
        grade.scores(rows(conversations, 1), ["…"])
    grader[0] = lambda prompt: (200, '{"met": "perhaps"}')
    with pytest.raises(grade.GraderFailed, match="no verdict"):
        grade.scores(rows(conversations, 1), ["…"])
    monkeypatch.delenv("GRADER_MODEL")
    with pytest.raises(grade.GraderFailed, match="GRADER_MODEL is not set"):
        grade.scores(rows(conversations, 1), ["…"])


@pytest.mark.slow
def test_a_model_is_graded_from_its_folder_to_the_result(
    grade: ModuleType, conversations: ModuleType, grader: list[Any], examples: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pytest.importorskip("transformers")
    task = load_task(examples / "healthbench" / "task.yaml")
    held = rows(conversations, 3)
    items = tmp_path / "items.jsonl"
    asked = [{"prompt": f"{render(task.prompt, row)}\u2028", "row": row} for row in held]
    items.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in asked), encoding="utf-8")
    result = tmp_path / "result.json"
    given = ["--model", str(examples / "tiny" / "model"), "--split", "dev", "--items", str(items)]
    monkeypatch.setattr("sys.argv", ["grade.py", *given, "--output", str(result)])
    monkeypatch.setattr(grade, "ANSWER_TOKENS", 8)
    grade.main()
    assert json.loads(result.read_text()) == {"accuracy": 0.0, "stderr": 0.0}


def test_the_test_is_closed_to_tools(conversations: ModuleType, examples: Path) -> None:
    plan = load_task(examples / "healthbench" / "task.yaml").eval
    assert plan is not None and plan.dev.origin == plan.test.origin == (conversations.DATASET,)
