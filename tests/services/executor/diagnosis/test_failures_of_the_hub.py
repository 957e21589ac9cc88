"""Files of the Hub that are gated, absent or out of reach: the real client against a server that answers as the Hub
does (https://huggingface.co/docs/huggingface_hub/package_reference/utilities#http-errors)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from provoke import Provoker, named

LOAD = """
import os
os.environ["HF_HUB_CACHE"] = os.path.abspath("cache")
from huggingface_hub import constants
constants.ENDPOINT = "{url}"
constants.HUGGINGFACE_CO_URL_TEMPLATE = "{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
constants.HF_HUB_CACHE = os.environ["HF_HUB_CACHE"]
"""
DOWNLOAD = LOAD + "from huggingface_hub import hf_hub_download\nhf_hub_download('{repo}', 'config.json')"
MODEL = LOAD + "from transformers import AutoModelForCausalLM\nAutoModelForCausalLM.from_pretrained('{repo}')"


class Hub(BaseHTTPRequestHandler):
    """`org/gated` is gated, `org/absent` is not there, `org/whole` has no such file."""

    ANSWERS = {
        "gated": (403, "GatedRepo", "Access to model org/gated is restricted."),
        "absent": (401, "RepoNotFound", "Repository not found"),
        "whole": (404, "EntryNotFound", "Entry not found"),
    }

    def do_HEAD(self) -> None:
        name = next(name for name in self.ANSWERS if f"org/{name}" in self.path)
        status, code, message = self.ANSWERS[name]
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the tests' output is not its log."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_gated_file(open_provoker: Provoker, tmp_path: Path, hub: str) -> None:
    named(open_provoker.fail(tmp_path, DOWNLOAD.format(url=hub, repo="org/gated")), "gated_file", "GatedRepoError")


def test_a_gated_model(open_provoker: Provoker, tmp_path: Path, hub: str) -> None:
    named(open_provoker.fail(tmp_path, MODEL.format(url=hub, repo="org/gated")), "gated_file", "gated repo")


def test_an_absent_repository(open_provoker: Provoker, tmp_path: Path, hub: str) -> None:
    failure = open_provoker.fail(tmp_path, DOWNLOAD.format(url=hub, repo="org/absent"))
    named(failure, "missing_file", "RepositoryNotFoundError")


def test_an_absent_model(open_provoker: Provoker, tmp_path: Path, hub: str) -> None:
    failure = open_provoker.fail(tmp_path, MODEL.format(url=hub, repo="org/absent"))
    named(failure, "missing_file", "org/absent")


def test_an_absent_file_of_a_repository(open_provoker: Provoker, tmp_path: Path, hub: str) -> None:
    named(
        open_provoker.fail(tmp_path, DOWNLOAD.format(url=hub, repo="org/whole")), "missing_file", "EntryNotFoundError"
    )


def test_a_hub_that_is_out_of_reach(open_provoker: Provoker, tmp_path: Path) -> None:
    script = "from huggingface_hub import HfApi\nHfApi('http://127.0.0.1:9').model_info('org/whole')"
    named(open_provoker.fail(tmp_path, script), "network", "ConnectError")
