"""The folder through which a worker and a supervisor on another machine hear of each other."""

from __future__ import annotations

from pathlib import Path

from protocol.job import Job, JobSpec
from services.executor.job.control import RECORD, Asked, Control, Ended, Request


def job(folder: Path) -> Job:
    spec = JobSpec(files={"a.py": "x" * 100_000}, argv=("a.py",), seconds=5.0)
    return Job(id="j1", run="r", experiment="e", folder=str(folder / "e[1]"), spec=spec)


def created(folder: Path) -> Control:
    control = Control.beside(job(folder))
    control.create(Request(job=job(folder), seconds=4.0, cpus=2), Asked(lease=10.0))
    return control


def test_both_sides_read_what_the_other_wrote(tmp_path: Path) -> None:
    here = created(tmp_path)
    there = Control(here.root)
    assert there.request().seconds == 4.0 and there.request().job.spec.files == {}
    assert there.asked() == Asked(lease=10.0)
    here.ask(Asked(number=1, save=True))
    assert there.asked() == Asked(number=1, save=True)
    assert (here.beats(), here.ended()) == (0, None)
    there.beat(7)
    there.end(Ended(code=0))
    assert (here.beats(), here.ended()) == (7, Ended(code=0))


def test_it_stands_beside_the_jobs_folder_for_our_user_only(tmp_path: Path) -> None:
    control = created(tmp_path)
    assert control.root.parent == tmp_path
    assert control.root.stat().st_mode & 0o777 == 0o700
    other = created(tmp_path)
    assert {one.root for one in Control.left(job(tmp_path))} == {control.root, other.root}
    control.remove()
    assert [one.root for one in Control.left(job(tmp_path))] == [other.root]


def test_a_record_that_is_being_written_is_none_yet(tmp_path: Path) -> None:
    control = created(tmp_path)
    whole = Ended(limit="memory limit 1 GB exceeded: 1.20 GB").model_dump_json()
    for length in range(len(whole)):
        (control.root / "ended.json").write_text(whole[:length])
        assert control.ended() is None


def test_a_shorter_record_leaves_nothing_of_a_longer_one_and_a_long_reason_is_cut(tmp_path: Path) -> None:
    control = created(tmp_path)
    control.end(Ended(failed="ä" * 10_000))
    told = control.ended()
    assert told is not None and told.failed is not None and set(told.failed.rstrip("…")) == {"ä"}
    control.end(Ended(code=3))
    assert control.ended() == Ended(code=3)
    assert (control.root / "ended.json").stat().st_size == RECORD
