"""What the process of a generator does, in its sandbox: its standard output goes into a file, then the script runs.

Started as the script of a job (`preflight/trial.py`), in a folder of its own. Nothing that is left there is believed.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback

SCRIPT = "generate.py"
OUTPUT = "standard_output.jsonl"
ROWS = "rows.jsonl"
"""What the script writes itself, in place of its standard output."""


def main() -> None:
    """Run the script with this process's arguments; of an error, the traceback from the script on."""
    descriptor = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, 1)
    os.close(descriptor)
    sys.argv = [SCRIPT, *sys.argv[1:]]
    try:
        runpy.run_path(SCRIPT, run_name="__main__")
    except Exception as error:
        place = error.__traceback__
        while place is not None and place.tb_frame.f_code.co_filename != SCRIPT:
            place = place.tb_next
        traceback.print_exception(type(error), error, place or error.__traceback__)
        sys.exit(1)
    finally:
        sys.stdout.flush()
