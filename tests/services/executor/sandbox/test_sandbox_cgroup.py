"""A control group of a job's own, where this user may make one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cell import Warden, job

from services.executor.inventory.machine import Grant
from services.executor.sandbox.cgroup import Group
from services.executor.sandbox.limits import Limits
from services.executor.sandbox.plan import plan


@pytest.fixture
def group() -> Group:
    made = Group.make(0.3)
    if made is None:
        pytest.skip("this user may make no control group")
    return made


def test_the_kernel_ends_what_takes_more_and_that_is_told(group: Group, place: Path) -> None:
    warden = Warden(place, ordinary=False)
    joined = f"made = made.model_copy(update={{'cgroup': ({str(group.folder)!r},)}})"
    script = "held = []\nwhile True: held.append(bytearray(b'x') * 10_000_000)"
    done = warden.run(script, before=joined)
    assert done.returncode == -9
    assert group.kills() == 1
    made = job(warden.job_folder(), needs={"memory_gb": 0.3})
    told = Limits(made, plan(made, Grant()), group).kept_by_kernel()
    assert told is not None and told.startswith("memory limit 0.3 GB exceeded: it took 0.")
    group.remove()
    assert not group.folder.exists()


def test_a_job_that_keeps_within_it_ends_well(group: Group, place: Path) -> None:
    joined = f"made = made.model_copy(update={{'cgroup': ({str(group.folder)!r},)}})"
    script = "import json; held = bytearray(b'x') * 100_000_000; print(json.dumps(open('/proc/self/cgroup').read()))"
    assert "postdocs" not in Warden(place, ordinary=False).told(script, before=joined), "it sees its own as the root"
    assert group.kills() == 0
    assert group.most_gb() > 0.1
    group.remove()


def test_where_none_can_be_made_there_is_none(place: Path) -> None:
    code = "from services.executor.sandbox.cgroup import Group; import json; print(json.dumps(Group.make(1.0) is None))"
    warden = Warden(place, ordinary=True)
    done = subprocess.run([*warden._become(), sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is True


def test_what_a_killed_worker_left_is_removed_and_what_another_has_is_not(group: Group) -> None:
    left, others = group.folder.with_name("postdocs-999999999-dead"), group.folder.with_name("postdocs-1-alive")
    for folder in (left, others):
        folder.mkdir()
    again = Group.make(0.3)
    assert again is not None
    assert not left.exists()
    assert others.exists() and group.folder.exists()
    others.rmdir()
    for one in (group, again):
        one.remove()
