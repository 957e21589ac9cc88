"""One run as a process, from its folder to its end: `python -m services.graph_server.one_run --run RUN …`.

Started by the graph server, and by the desk of LangGraph Studio, which drives the state machine itself. The bus comes
from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN. Exit codes: 0 the run has ended, 2 it cannot be mended by trying again,
130 stopped and resumable, 4 a service failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from protocol.errors import PostdocsError


def main() -> int:
    from services.launcher import Options, launch

    parser = argparse.ArgumentParser(prog="python -m services.graph_server.one_run", description="One run.")
    parser.add_argument("--run", required=True)
    parser.add_argument("--runs-dir", type=Path, required=True)
    parser.add_argument("--worker", default="auto", choices=("auto", "none"))
    parser.add_argument("--crew", default="local", choices=("local", "none"))
    parser.add_argument("--machine", default="here", choices=("here", "none"))
    arguments = parser.parse_args()
    options = Options(bus=os.environ["POSTDOCS_BUS_URL"], **vars(arguments))
    try:
        asyncio.run(launch(options, lambda sequence, envelope, ledger: None))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
