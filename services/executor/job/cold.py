"""A job's process that was not forked from a zygote: `python -m services.executor.job.cold`.

Started by the supervisor (`main`) as the job's first process, which enters the sandbox, and by `launch` as each of
several, which are in it. It finds its `Start` in the environment.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from services.executor.job import launch, process
from services.executor.sandbox.enter import enter
from services.executor.sandbox.plan import Plan
from services.executor.warm.messages import Start


def main() -> NoReturn:
    """Run the script; ends with its exit code."""
    start = Start.model_validate_json(os.environ.pop(launch.START))
    sandbox, report = os.environ.pop(launch.PLAN, None), os.environ.pop(launch.REPORT, None)
    if sandbox is not None:
        enter(Plan.model_validate_json(sandbox), int(report) if report else None)
    rank = os.environ.get("RANK")
    if start.launch != "python" and rank is None:
        code = launch.run(start, ())
    else:
        os.environ.pop("PYTHONSAFEPATH", None)  # it is ours, not the script's
        sys.path.insert(0, "")  # where the script's folder comes
        code = process.run(start, (), first=rank in (None, "0"))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # until it can be heard
    main()
