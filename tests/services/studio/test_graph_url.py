"""`--graph-url` where nothing is, where something else is, and with what does not go with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.runs import crew


def run(*arguments: object) -> Result:
    from services.cli.main import app

    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="postdocs")


@contextmanager
def another(body: object) -> Iterator[str]:
    """A server that answers every POST with `body` as JSON, or with what that says of the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            told = body(self.path) if callable(body) else body
            self.wfile.write(json.dumps(told).encode() if told is not None else b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return crew.last_digit_task(tmp_path / "task", rows=60)


def test_where_nothing_answers_it_says_so_and_how_to_start_it(task: Path) -> None:
    result = run("run", task, "--graph-url", "http://127.0.0.1:9")
    assert result.exit_code == 4
    assert "no LangGraph server answers at http://127.0.0.1:9" in result.output
    assert result.output.rstrip().endswith("start one with make studio")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "what answers there is no LangGraph server"),
        ({"hello": "world"}, "what answers there is no LangGraph server"),
        ([], "the LangGraph server there has no graph 'crew'"),
        ([{"graph_id": "agent"}], "the LangGraph server there has no graph 'crew'"),
    ],
    ids=str,
)
def test_where_something_else_answers_it_says_what(task: Path, body: object, told: str) -> None:
    with another(body) as url:
        result = run("run", task, "--graph-url", url)
    assert result.exit_code == 2
    assert f"--graph-url is {url}, and {told}: give the URL that make studio prints" in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--graph-url", "nats://127.0.0.1:4222"), "that is not an http:// or https:// URL"),
        (("--graph-url", "http://x:port"), "that is no URL (Invalid port: 'port')"),
        (("--graph-url", "http://x", "--bus", "nats://x"), "--bus does not go with --graph-url"),
        (("--graph-url", "http://x", "--detach"), "--detach does not go with --graph-url"),
        (("--graph-url", "http://x", "--worker", "none"), "--worker does not go with --graph-url"),
        (("--graph-url", "http://x", "--runs-dir", "mine"), "--runs-dir does not go with --graph-url"),
        (("--graph-url", "http://x", "--budget", "soon"), "--budget"),
        (("--graph-url", "http://x", "--data", "nowhere"), "--data is 'nowhere', and there is no such folder"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else "",
)
def test_what_the_server_decides_is_refused_here(task: Path, options: tuple[str, ...], told: str) -> None:
    result = run("run", task, *options)
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize("option", [("--budget", "5m"), ("--require-llm",), ("--track", "both")])
def test_a_goal_in_words_takes_its_wishes_in_words(task: Path, option: tuple[str, ...]) -> None:
    result = run("run", "Teach it dates", "--graph-url", "http://x", *option)
    assert result.exit_code == 2
    assert f"{option[0]} does not go with a goal in plain words there" in result.output


def test_a_run_is_resumed_there_with_nothing_but_its_name() -> None:
    result = run("resume", "mine", "--graph-url", "http://x", "--model", "playbook")
    assert result.exit_code == 2
    assert "--model does not go with --graph-url" in result.output


def test_a_run_is_resumed_in_the_thread_that_drove_it_though_another_has_looked_on_since() -> None:
    paths: list[str] = []
    threads = [
        {"thread_id": "looked-on", "values": {"run": "mine", "following": True}},
        {"thread_id": "drove", "values": {"run": "mine", "following": False}},
        {"thread_id": "drove-before", "values": {"run": "mine"}},
    ]

    def answer(path: str) -> object:
        paths.append(path)
        return [{"graph_id": "crew"}] if path == "/assistants/search" else threads

    with another(answer) as url:
        run("resume", "mine", "--graph-url", url)
    assert [path for path in paths if path.endswith("/runs/stream")] == ["/threads/drove/runs/stream"]
