"""How evidence is weighed, and what only machines with GPUs say."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.job import Category, Cause
from services.executor.diagnosis.cause import QUOTED, End, cause
from services.executor.diagnosis.log_end import BYTES, log_end
from services.executor.diagnosis.tracebacks import last_chain, raised

FAILED = End(code=1)
STACK = ["Traceback (most recent call last):", '  File "train.py", line 7, in main', "    step()"]
ELASTIC = [
    "Traceback (most recent call last):",
    '  File "/usr/lib/python3/site-packages/torch/distributed/run.py", line 1, in run',
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
    "train.py FAILED",
]


@pytest.mark.parametrize(
    ("line", "category"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has", "out_of_memory"),
        ("RuntimeError: CUDA error: out of memory", "out_of_memory"),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "out_of_memory"),
        ("ValueError: No available memory for the cache blocks. Try increasing", "out_of_memory"),
        ("RuntimeError: Found no NVIDIA driver on your system.", "driver"),
        ("RuntimeError: CUDA error: uncorrectable ECC error encountered", "driver"),
        ("RuntimeError: No CUDA GPUs are available", "driver"),
        ("torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:2356, internal error", "nccl"),
        ("RuntimeError: NCCL communicator was aborted on rank 0. ncclInternalError", "nccl"),
        ("ImportError: FlashAttention2 has been toggled on, but it cannot be used", "import_error"),
        ("RuntimeError: FlashAttention only support fp16 and bf16 data type", "dtype_mismatch"),
    ],
)
def test_what_only_a_gpu_machine_says(line: str, category: Category) -> None:
    found = cause(FAILED, [*STACK, line])
    assert (found.category, found.evidence[0]) == (category, line)


def test_the_exception_weighs_more_than_what_was_printed_before_and_after() -> None:
    chatter = ["Connection refused: Name or service not known, retrying", "FileNotFoundError: no cache, going on"]
    found = cause(FAILED, [*chatter, *STACK, "KeyError: 'labels'", "", "wandb: nothing to sync"])
    assert found.category == "unknown" and found.evidence[0] == "KeyError: 'labels'"
    assert found.evidence[-1] == 'File "train.py", line 7, in main'


def test_source_code_that_names_an_error_is_no_evidence() -> None:
    lines = [
        STACK[0],
        STACK[1],
        '    raise Failed("NCCL error") if full else OSError("No space left on device")',
        "Failed",
    ]
    assert cause(FAILED, lines) == Cause(evidence=("Failed", 'File "train.py", line 7, in main'))


def test_the_cause_of_an_exception_counts_when_the_exception_says_nothing() -> None:
    lines = [
        *STACK,
        "OSError: [Errno 28] No space left on device",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        *STACK,
        "RuntimeError: saving failed",
    ]
    assert cause(FAILED, lines).category == "disk_full"
    unlinked = [line for line in lines if "direct cause" not in line]
    assert len(last_chain(raised(lines))) == 2 and len(last_chain(raised(unlinked))) == 1


def test_the_launchers_own_exception_hides_none() -> None:
    ranked = [f"[rank1]: {line}" for line in [*STACK, "torch.OutOfMemoryError: CUDA out of memory. Tried"]]
    found = cause(FAILED, [*ranked, *ELASTIC])
    assert (found.category, found.evidence[0]) == ("out_of_memory", "torch.OutOfMemoryError: CUDA out of memory. Tried")


def test_what_the_launcher_tells_of_a_killed_rank_counts() -> None:
    told = "E0101 failed (exitcode: -9) local_rank: 0 (pid: 17) of binary: python"
    assert cause(FAILED, [told, *ELASTIC]).category == "killed"


def test_what_the_worker_did_goes_before_what_the_log_says() -> None:
    stopped = Cause(category="no_progress", evidence=("no step for 60 s",))
    assert cause(End(signal=9, stopped=stopped), [*STACK, "MemoryError"]) == stopped


@pytest.mark.parametrize(
    ("limit", "category"),
    [
        ("memory limit 2 GB exceeded: 2.10 GB", "host_out_of_memory"),
        ("disk limit 1 GB exceeded: 1.20 GB", "disk_full"),
        ("ended by Hugging Face Jobs: job timeout", "time_out"),
        ("limit of 64 processes exceeded", "forbidden"),
        ("preempted", "killed"),
    ],
)
def test_a_limit_is_named_by_its_words(limit: str, category: Category) -> None:
    assert cause(End(signal=9, limit=limit), []) == Cause(category=category, evidence=(limit,))


def test_a_kill_while_most_of_the_memory_was_held_was_the_kernels() -> None:
    held = cause(End(signal=signal.SIGKILL, memory_share=0.93), ["step 10"])
    assert held.category == "host_out_of_memory" and "93% of the machine's memory" in held.evidence[0]
    assert cause(End(signal=signal.SIGKILL, memory_share=0.4), []).category == "killed"


@pytest.mark.parametrize(("code", "category"), [(137, "killed"), (139, "crashed"), (134, "crashed"), (143, "killed")])
def test_a_shells_exit_code_is_a_signal(code: int, category: Category) -> None:
    assert cause(End(code=code), []).category == category


def test_a_job_that_says_nothing_at_all() -> None:
    assert cause(FAILED, []) == Cause(evidence=("it printed nothing",))


@given(st.lists(st.text(max_size=200), max_size=40), st.sampled_from([FAILED, End(code=0), End(signal=11)]))
def test_any_log_has_a_cause_and_every_line_of_evidence_stands_in_it(lines: list[str], end: End) -> None:
    found = cause(end, lines)
    own = ("it printed nothing", "no model", "killed by SIGSEGV")
    assert found.evidence
    assert all(line in own or any(line in shown.strip()[:QUOTED] for shown in lines) for line in found.evidence)


def test_the_end_of_a_long_log_is_read_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    path.write_bytes(b"first\n" + b"x" * 100 + b"\n" * BYTES + b"50%\r100%\nKeyError: \x1b[31m'a'\xff\n")
    lines = log_end(path)
    assert "first" not in lines and lines[-3:] == ["100%", "KeyError: 'a'\ufffd", ""]


def test_what_is_no_plain_file_has_no_lines(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert [log_end(tmp_path / name) for name in ("fifo", "link", "absent")] == [[], [], []]
