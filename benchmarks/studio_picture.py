"""Draws docs/studio.png: the crew's graph as LangGraph's server gives it, rendered by Mermaid in a real browser.

    make studio-picture        needs npm and Chromium

Starts the server as `make studio` does, and draws what it says that its graph is.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from langgraph_sdk import get_sync_client

ROOT = Path(__file__).parents[1]
MERMAID = "mermaid@12.3.0"
PAGE = """<!doctype html><meta charset="utf-8"><style>body {{ margin: 12px; background: white }}</style>
<pre class="mermaid">{graph}</pre>
<script src="file://{script}"></script>
<script>mermaid.initialize({{ startOnLoad: true, theme: "neutral", flowchart: {{ useMaxWidth: false }} }})</script>
"""
ENDS = {"__start__": "START", "__end__": "END"}
BEGIN = ("intake", "approve", "follow")
"""How a run begins: in another colour than the crew."""


def served(port: int, folder: Path) -> dict[str, Any]:
    """The graph, from the server."""
    command = [sys.executable, "-m", "services.studio", "--port", str(port), "--runs-dir", str(folder / "runs")]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        next(line for line in server.stdout if line.startswith("Ctrl-C"))
        with get_sync_client(url=f"http://127.0.0.1:{port}", api_key=None) as client:
            [assistant] = client.assistants.search(graph_id="crew", limit=1)
            return dict(client.assistants.get_graph(assistant["assistant_id"]))
    finally:
        server.terminate()
        server.wait(30)


def mermaid(graph: dict[str, Any]) -> str:
    """Its nodes and edges as a flowchart; dashed is what a node decides."""
    lines = ["flowchart TD"]
    for node in graph["nodes"]:
        id = node["id"]
        lines.append(f"  {id}([{ENDS[id]}])" if id in ENDS else f"  {id}[{id}]")
    for edge in graph["edges"]:
        arrow = "-.->" if edge.get("conditional") else "-->"
        lines.append(f"  {edge['source']} {arrow} {edge['target']}")
    return "\n".join([*lines, "  classDef begin fill:#eef,stroke:#88a", f"  class {','.join(BEGIN)} begin"])


def draw(text: str, folder: Path, into: Path) -> None:
    """Render in Chromium: once to learn the size, once for the picture."""
    subprocess.run(["npm", "install", "--silent", "--no-audit", MERMAID], cwd=folder, check=True)
    page, script = folder / "page.html", folder / "node_modules/mermaid/dist/mermaid.min.js"
    page.write_text(PAGE.format(graph=text, script=script))
    browser = [os.environ.get("CHROMIUM", "chromium"), "--headless", "--no-sandbox", "--hide-scrollbars"]
    browser += ["--allow-file-access-from-files", f"--user-data-dir={folder}/profile", "--virtual-time-budget=10000"]
    found = subprocess.run([*browser, "--dump-dom", f"file://{page}"], capture_output=True, text=True, check=True)
    size = re.search(r'<svg[^>]*viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', found.stdout)
    assert size, f"Mermaid has drawn nothing of:\n{text}"
    width, height = (int(float(number)) + 40 for number in size.groups())
    picture = [f"--window-size={width},{height}", f"--screenshot={into}"]
    subprocess.run([*browser, *picture, f"file://{page}"], capture_output=True, check=True)


def main(port: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        draw(mermaid(served(port, Path(name))), Path(name), ROOT / "docs" / "studio.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=2099)
    main(parser.parse_args().port)
