"""A job's folder after a hostile delivery: links, FIFOs and strange trees lead nowhere, and nothing waits for ever."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from test_job_folder import folder

from services.executor.files.folder import BadJobFolder, JobFolder
from services.executor.files.tail import BACKLOG, CHUNK, Tail
from services.executor.files.untrusted import NotPlain, copy_plain, open_plain
from services.executor.job.events import Checkpoint, TrainBegan


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    (tmp_path / "job").mkdir()
    (tmp_path / "secret").write_text("secret\n")
    return folder(tmp_path / "job", **{"train.py": "print(1)", "conf/a.yaml": "x: 1"})


@pytest.mark.parametrize("how", ["soft link", "dangling link", "hard link", "FIFO"])
def test_a_file_is_written_in_place_of_what_stands_there_not_through_it(job: JobFolder, how: str) -> None:
    place, secret = job.root / "train.py", job.root.parent / "secret"
    if how == "hard link":
        os.link(secret, place)
    elif how == "FIFO":
        os.mkfifo(place)
    else:
        place.symlink_to(secret if how == "soft link" else job.root.parent / "new")
    job.prepare()
    assert place.read_text() == "print(1)" and not place.is_symlink()
    assert secret.read_text() == "secret\n"
    assert not (job.root.parent / "new").exists()


def test_no_folder_is_entered_through_a_link(job: JobFolder) -> None:
    elsewhere = job.root.parent / "elsewhere"
    elsewhere.mkdir()
    (job.root / "conf").symlink_to(elsewhere)
    job.prepare()
    assert list(elsewhere.iterdir()) == []
    assert (job.root / "conf" / "a.yaml").read_text() == "x: 1"


@pytest.mark.parametrize("name", ["output.log", "events.jsonl"])
@pytest.mark.parametrize("how", ["soft link", "hard link", "FIFO", "folder"])
def test_nothing_stands_where_the_job_will_write(job: JobFolder, name: str, how: str) -> None:
    place, secret = job.root / name, job.root.parent / "secret"
    {
        "soft link": lambda: place.symlink_to(secret),
        "hard link": lambda: os.link(secret, place),
        "FIFO": lambda: os.mkfifo(place),
        "folder": place.mkdir,
    }[how]()
    job.prepare()
    assert not os.path.lexists(place)


def test_what_an_earlier_delivery_wrote_there_stays(job: JobFolder) -> None:
    job.log.write_text("of before\n")
    job.prepare()
    assert job.log.read_text() == "of before\n"


@pytest.mark.parametrize("output", ["..", "/tmp", "out/model", ".", "../other/model"])
def test_a_model_is_one_folder_directly_in_the_jobs(job: JobFolder, output: str) -> None:
    made = JobFolder(job.job.model_copy(update={"spec": job.job.spec.model_copy(update={"output": output})}))
    with pytest.raises(BadJobFolder, match="output"):
        made.prepare()


def events(job: JobFolder, *checkpoints: Path) -> None:
    noted = (TrainBegan(step=0, max_steps=30), *(Checkpoint(step=1, path=str(path)) for path in checkpoints))
    job.events.write_text("".join(event.model_dump_json() + "\n" for event in noted))


def test_a_link_is_no_checkpoint_and_what_it_leads_to_stays(job: JobFolder) -> None:
    elsewhere = job.root.parent / "checkpoint-9"
    elsewhere.mkdir()
    (job.root / "checkpoint-5").symlink_to(elsewhere)
    (job.root / "out").symlink_to(job.root.parent)
    (job.root / "checkpoint-7").mkdir()
    events(job, job.root / "checkpoint-7")
    job.set_torn_checkpoints_aside()
    assert [path.name for path in job.checkpoints()] == ["checkpoint-7"]
    assert elsewhere.is_dir()


def test_events_that_are_no_text_prove_no_checkpoint(job: JobFolder) -> None:
    events(job)
    with job.events.open("ab") as file:
        file.write(b"\xff\xfe{{{\n" + b"[" * 100_000 + b"\n" + b"x" * (1 << 20) + b"\n\0\n")
        file.write(b'{"kind": "checkpoint", "step": 1, "path": "a\\u0000b"}\n')
    (job.root / "checkpoint-7").mkdir()
    job.set_torn_checkpoints_aside()
    assert job.checkpoints() == []


@pytest.mark.parametrize("how", ["link", "FIFO", "folder"])
def test_events_that_are_no_file_are_not_read(job: JobFolder, how: str) -> None:
    (job.root / "checkpoint-7").mkdir()
    other = job.root.parent / "other.jsonl"
    other.write_text(TrainBegan(step=0, max_steps=1).model_dump_json() + "\n")
    if how == "link":
        job.events.symlink_to(other)
    else:
        job.events.mkdir() if how == "folder" else os.mkfifo(job.events)
    job.set_torn_checkpoints_aside()
    assert len(job.checkpoints()) == 1


def test_a_tree_without_end_is_looked_through_in_part(job: JobFolder) -> None:
    deep = job.root
    for _ in range(200):
        deep = deep / "d"
        deep.mkdir()
    (deep / "checkpoint-3").mkdir()
    (job.root / "checkpoint-2").mkdir()
    assert [path.name for path in job.checkpoints()] == ["checkpoint-2"]


@pytest.mark.parametrize("how", ["soft link", "hard link", "FIFO", "folder", "device"])
def test_a_log_that_is_no_plain_file_has_no_lines(job: JobFolder, how: str) -> None:
    tail, secret = Tail(job.log), job.root.parent / "secret"
    if how == "folder":
        job.log.mkdir()
    elif how == "FIFO":
        os.mkfifo(job.log)
    else:
        os.link(secret, job.log) if how == "hard link" else job.log.symlink_to(secret if "soft" in how else "/dev/zero")
    assert tail.lines() == [] == tail.lines(last=True)


def test_a_plain_file_is_opened_and_what_else_it_is_is_said(job: JobFolder) -> None:
    secret = job.root.parent / "secret"
    os.close(open_plain(secret))
    job.log.symlink_to(secret)
    with pytest.raises(NotPlain, match="is a link, not a plain file"):
        open_plain(job.log)
    with pytest.raises(NotPlain, match="a folder"):
        open_plain(job.root)


def test_a_line_without_end_is_cut_and_the_next_one_is_read(job: JobFolder) -> None:
    tail = Tail(job.log, longest=100)
    job.log.write_bytes(b"x" * (3 * CHUNK))
    first = [line for _ in range(5) for line in tail.lines()]
    with job.log.open("ab") as file:
        file.write(b"y" * CHUNK + b"\nthe next\n")
    assert first == ["x" * 100]
    assert [line for _ in range(3) for line in tail.lines()] == ["the next"]


def test_a_file_that_is_read_whole_is_not_followed_for_ever(job: JobFolder) -> None:
    tail = Tail(job.events)
    with job.events.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe end\n")
    assert tail.lines() == ["the end"]
    assert BACKLOG < 1 << 40


def test_a_file_that_became_shorter_is_waited_for(job: JobFolder) -> None:
    tail = Tail(job.log)
    job.log.write_text("one\ntwo\n")
    assert tail.lines() == ["one", "two"]
    job.log.write_text("")
    assert tail.lines() == []


def test_a_tree_of_plain_files_is_copied_whole(job: JobFolder) -> None:
    (job.root / "out" / "checkpoint-3" / "deep").mkdir(parents=True)
    (job.root / "out" / "checkpoint-3" / "deep" / "a").write_text("1")
    copy_plain(job.root, PurePosixPath("out/checkpoint-3"), job.root.parent / "copy")
    assert (job.root.parent / "copy" / "deep" / "a").read_text() == "1"


@pytest.mark.parametrize("how", ["soft link", "hard link", "FIFO", "link to a folder", "link on the way"])
def test_no_tree_is_copied_that_leads_elsewhere(job: JobFolder, how: str) -> None:
    folder, secret = job.root / "out" / "checkpoint-3", job.root.parent / "secret"
    folder.mkdir(parents=True)
    if how == "hard link":
        os.link(secret, folder / "a")
    elif how == "FIFO":
        os.mkfifo(folder / "a")
    elif how == "link on the way":
        (job.root / "out").rename(job.root.parent / "elsewhere")
        (job.root / "out").symlink_to(job.root.parent / "elsewhere")
    else:
        (folder / "a").symlink_to(secret if how == "soft link" else job.root.parent)
    with pytest.raises(OSError):
        copy_plain(job.root, PurePosixPath("out/checkpoint-3"), job.root.parent / "copy")
    assert not (job.root.parent / "copy" / "a").exists()


def test_what_a_job_names_lies_in_its_folder_or_is_refused(job: JobFolder) -> None:
    assert str(job.inside(job.root / "out" / "checkpoint-3")) == "out/checkpoint-3"
    for path in (job.root, job.root.parent, job.root / ".." / "other", Path("/etc"), Path("out")):
        with pytest.raises(ValueError, match="outside"):
            job.inside(path)
