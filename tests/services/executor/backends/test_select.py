"""Which backend runs a task's jobs."""

from __future__ import annotations

import itertools
import stat
from pathlib import Path

import pytest

from protocol.brief import Compute
from protocol.errors import BadInput
from protocol.job import Needs
from protocol.lane import needs_token, parse_needs
from services.executor.backends.select import ELSEWHERE, REMEDY, choose, configured, elsewhere, fits_here, may_rent
from services.executor.inventory.machine import Gpu, Machine
from services.executor.inventory.placement import fits
from services.task_file import load_task

EVERY_SET = [found for n in range(4) for found in itertools.combinations(ELSEWHERE, n)]
CPU = Machine(cpus=4, memory_gb=16)
H100 = Machine(cpus=16, memory_gb=200, gpus=(Gpu(uuid="GPU-1", name="NVIDIA H100 80GB HBM3", memory_gb=80),))


@pytest.mark.parametrize("set_up", EVERY_SET)
def test_what_fits_here_runs_here(set_up: tuple[str, ...]) -> None:
    assert choose("auto", True, set_up) == "local"
    assert choose("local", True, set_up) == "local"


@pytest.mark.parametrize(("set_up", "found"), [(found, found[0]) for found in EVERY_SET if found])
def test_what_does_not_fit_runs_on_the_first_that_is_set_up(set_up: tuple[str, ...], found: str) -> None:
    assert choose("auto", False, set_up, may_rent=True) == found
    assert choose("auto", False, set_up[::-1], may_rent=True) == found


def test_nothing_is_rented_before_somebody_says_who_pays() -> None:
    with pytest.raises(BadInput, match="POSTDOCS_HF_NAMESPACE"):
        choose("auto", False, ["hf_jobs"])
    assert choose("hf_jobs", False, ["hf_jobs"]) == "hf_jobs"
    assert may_rent({"POSTDOCS_HF_NAMESPACE": "lab"}) and not may_rent({"HF_TOKEN": "hf_x"})


def test_where_nothing_has_it_all_ways_out_are_named() -> None:
    with pytest.raises(BadInput) as told:
        choose("auto", False, ())
    assert all(remedy in str(told.value) for remedy in REMEDY.values())
    assert "postdocs worker" in str(told.value)


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("fits_locally", [True, False])
def test_a_backend_that_the_task_names_must_be_set_up(name: str, fits_locally: bool) -> None:
    assert choose(name, fits_locally, ELSEWHERE) == name
    with pytest.raises(BadInput, match=f"compute.backend is {name}, which is not set up here: ") as told:
        choose(name, fits_locally, [other for other in ELSEWHERE if other != name])
    assert REMEDY[name] in str(told.value)


def test_local_is_refused_where_it_does_not_fit() -> None:
    with pytest.raises(BadInput, match=r"compute\.backend is local, and this machine does not have"):
        choose("local", False, ELSEWHERE)


@pytest.mark.parametrize(
    ("compute", "machine", "fit"),
    [
        (Compute(), CPU, True),
        (Compute(memory_gb=64), CPU, False),
        (Compute(gpus=1), CPU, False),
        (Compute(gpus=1, kind="h100", min_memory_gb=40), H100, True),
        (Compute(gpus=1, kind="h200"), H100, False),
        (Compute(gpus=2), H100, False),
    ],
)
def test_fitting_is_placements_own_judgement(compute: Compute, machine: Machine, fit: bool) -> None:
    assert fits_here(compute, machine) is fit


def test_what_is_set_up_shows_in_the_environment(tmp_path: Path) -> None:
    nothing = {"PATH": "", "HF_HOME": str(tmp_path)}
    assert "ray" not in configured(nothing) and "slurm" not in configured(nothing)
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\n")
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    everything = {"RAY_ADDRESS": "http://head:8265", "PATH": str(tmp_path), "HF_TOKEN": "hf_x"}
    assert configured(everything) == ELSEWHERE


@pytest.mark.parametrize("name", ELSEWHERE)
def test_each_backend_can_be_made(name: str) -> None:
    made = elsewhere(name, sandboxed=True)
    assert (made.name, made.machine.backend, made.machine.elastic) == (name, name, True)


def test_a_backend_without_its_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.executor.backends.select._installed", lambda package: False)
    with pytest.raises(BadInput, match=r"--backend ray needs ray, which is not installed: pip install"):
        elsewhere("ray", sandboxed=True)


# -------------------------------------------------------------------- a job finds its backend


@pytest.mark.parametrize("backend", ["local", *ELSEWHERE])
def test_a_job_that_names_a_backend_waits_for_it_in_a_lane_of_its_own(backend: str) -> None:
    needs = Needs(gpus=1, kind="h100-b", memory_gb=8.5, backend=backend)
    assert parse_needs(needs_token(needs)) == needs
    for name in ("local", *ELSEWHERE):
        machine = H100.model_copy(update={"backend": name})
        assert fits(machine, 1, Needs(gpus=1, backend=backend)) is (name == backend)
        assert fits(machine, 1, Needs(gpus=1))


def _task(folder: Path, backend: str) -> Path:
    (folder / "rows.jsonl").write_text('{"q": "a", "a": "b"}\n' * 3)
    path = folder / "task.yaml"
    path.write_text(
        "name: t\ngoal: g\nbase_model: m\nprompt: '{q}'\nanswer: '{a}'\ndata: [{name: d, file: rows.jsonl}]\n"
        f"eval: {{dev: {{file: rows.jsonl}}, test: {{file: rows.jsonl}}}}\ncompute:\n  backend: {backend}\n"
    )
    return path


@pytest.mark.parametrize("backend", ["auto", "local", *ELSEWHERE])
def test_a_task_file_names_a_backend(tmp_path: Path, backend: str) -> None:
    assert load_task(_task(tmp_path, backend)).compute.backend == backend


def test_a_backend_that_there_is_not_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"compute\.backend is 'sky', and should .*'hf_jobs'.*write e\.g\. backend: auto"
    ):
        load_task(_task(tmp_path, "sky"))


def test_doctor_names_what_is_set_up_and_how_to_set_up_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from services.cli.checks import _backends

    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = _backends()
    assert found.state == "ok"
    assert found.told == f"local, ray, hf_jobs (not set up: slurm: {REMEDY['slurm']})"
