"""What a plan shows and allows, and what it refuses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from cell import Warden, job

from services.executor.files.folder import BadJobFolder
from services.executor.inventory.machine import Gpu, Grant
from services.executor.sandbox import environment, identity
from services.executor.sandbox.identity import NOBODY, hand_over
from services.executor.sandbox.plan import Plan, plan


@pytest.fixture
def house(place: Path) -> Warden:
    return Warden(place, ordinary=False)


def planned(house: Warden, *reads: str | Path, grant: Grant | None = None, **more: object) -> Plan:
    spec = {"reads": tuple(map(str, reads))} | more
    return plan(job(house.job_folder(), **spec), grant or Grant())  # type: ignore[arg-type]


def test_a_plan_can_travel(house: Warden) -> None:
    (house.folder / "model").mkdir()
    made = planned(house, house.folder / "model", grant=Grant(cpus=2, gpus=(GPU,)), hosts=("huggingface.co",))
    assert Plan.model_validate_json(made.model_dump_json()) == made


GPU = Gpu(uuid="GPU-1", name="NVIDIA H100", memory_gb=80, minor=3)


def test_a_job_gets_the_devices_that_it_was_granted(house: Warden) -> None:
    made = planned(house, grant=Grant(gpus=(GPU,)))
    assert (made.gpus, made.mig, made.environment["CUDA_VISIBLE_DEVICES"]) == ((3,), False, "GPU-1")
    none = planned(house)
    assert (none.gpus, none.environment["CUDA_VISIBLE_DEVICES"]) == ((), "")
    slices = tuple(Gpu(uuid=f"MIG-{n}", name="A100 1g.5gb", memory_gb=5, minor=0, mig=True) for n in range(2))
    assert (planned(house, grant=Grant(gpus=slices)).gpus, planned(house, grant=Grant(gpus=slices)).mig) == ((0,), True)


def test_it_has_no_secret_and_no_more_than_is_listed(house: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "POSTDOCS_BUS_TOKEN",
        "HF_TOKEN",
        "WANDB_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "ANYTHING",
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("NCCL_DEBUG", "WARN")
    for made in (
        planned(house).environment,
        environment.of_zygote(os.environ, sandboxed=True),
        environment.of_zygote(os.environ, sandboxed=False),
    ):
        assert "secret" not in made.values()
        assert made["NCCL_DEBUG"] == "WARN"


def test_it_is_offline_without_hosts(house: Warden) -> None:
    assert planned(house).environment["HF_HUB_OFFLINE"] == "1"
    online = plan(job(house.job_folder(), hosts=("huggingface.co",)), Grant(), egress="/somewhere/egress.sock")
    assert online.environment["HF_HUB_OFFLINE"] == "0"
    assert online.environment["HTTPS_PROXY"] == "http://127.0.0.1:3128"


def test_limits_follow_from_needs_and_grant(house: Warden) -> None:
    small = planned(house, needs={"memory_gb": 2.0, "disk_gb": 1.5}).limits
    assert (small.file_bytes, small.data_bytes, small.shared_bytes) == (1_500_000_000, 4_000_000_000, 2_000_000_000)
    wide = planned(house, grant=Grant(cpus=64, gpus=(GPU,)), needs={"memory_gb": 2.0}).limits
    assert wide.processes > small.processes
    assert wide.data_bytes is None, "CUDA maps more than it uses"


@pytest.mark.parametrize("path", ["/", "/etc", "/home", "/proc/self", "/dev/null", "/sys", "~", "/usr/.."])
def test_what_holds_more_than_models_and_data_is_refused(path: str, house: Warden) -> None:
    if not Path(path).expanduser().exists():
        pytest.skip("not on this machine")
    with pytest.raises(BadJobFolder, match="reads"):
        planned(house, Path(path).expanduser())


def test_the_run_itself_is_refused(house: Warden) -> None:
    house.job_folder()
    for path in (house.folder, house.folder / "jobs"):
        with pytest.raises(BadJobFolder, match="holds more than models and data"):
            planned(house, path)


def test_another_run_as_a_whole_is_refused_and_what_it_made_is_not(house: Warden) -> None:
    house.job_folder()
    runs = house.folder.parent / f"{house.folder.name}-others"
    model = runs / "other" / "jobs" / "a" / "model"
    model.mkdir(parents=True)
    try:
        (runs / "other" / "brief.json").touch()
        for path in (runs / "other", runs, runs / "other" / "jobs"):
            with pytest.raises(BadJobFolder, match="holds more than models and data"):
                planned(house, path)
        assert [read.source for read in planned(house, model).reads] == [str(model)]
    finally:
        shutil.rmtree(runs)


@pytest.mark.parametrize("name", ["sealed", "sealed/test.jsonl", "bus/server.json", "bus.json", "checkpoints.sqlite"])
def test_what_a_run_keeps_to_itself_is_refused_to_jobs_of_all_runs(name: str, house: Warden) -> None:
    house.job_folder()
    for run in (house.folder, house.folder / "other"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).touch() if "." in name else (run / name).mkdir(exist_ok=True)
        (run / "brief.json").touch()
        with pytest.raises(BadJobFolder, match="it is the run's own"):
            planned(house, run / name)


def test_a_parent_that_put_a_link_in_place_of_its_model_shows_nothing(house: Warden) -> None:
    parent, sealed = house.job_folder("parent"), house.folder / "sealed"
    sealed.mkdir()
    for target in (sealed, "../../sealed", "/etc/ssl", house.job_folder("other")):
        (parent / "model").symlink_to(target)
        with pytest.raises(BadJobFolder, match="leads out of that job's folder"):
            planned(house, parent / "model")
        (parent / "model").unlink()
    (parent / "checkpoint-9").mkdir()
    (parent / "model").symlink_to("checkpoint-9")
    (read,) = planned(house, parent / "model").reads
    assert (read.source, read.alias) == (str(parent / "checkpoint-9"), str(parent / "model"))


def test_that_holds_through_other_names_and_other_runs_too(house: Warden) -> None:
    parent, sealed = house.job_folder("parent"), house.folder / "sealed"
    sealed.mkdir()
    (parent / "model").symlink_to(sealed)
    (house.folder / "runs").symlink_to(house.folder)
    other = house.folder / "other" / "jobs" / "parent"
    other.mkdir(parents=True)
    (other / "model").symlink_to(sealed)
    (house.folder / "other" / "brief.json").touch()
    (house.folder / "theirs").symlink_to(other)
    runs, theirs = house.folder / "runs" / "jobs" / "parent", house.folder / "theirs"
    for path in (runs / "model", other / "model", theirs / "model"):
        with pytest.raises(BadJobFolder, match="leads out of that job's folder"):
            planned(house, path)


def test_what_is_not_there_is_named(house: Warden) -> None:
    with pytest.raises(BadJobFolder, match="gone"):
        planned(house, house.folder / "gone")


def test_a_hub_id_shows_its_folder_of_the_cache_alone(house: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(house.folder / "hub"))
    mine, snapshot = house.folder / "hub" / "models--org--mine", "snapshots/abc"
    (mine / snapshot).mkdir(parents=True)
    (house.folder / "hub" / "models--org--other").mkdir()
    (read,) = planned(house, "org/mine", "org/never-downloaded").reads
    assert (read.source, read.target) == (str(mine), f"{environment.HUB}/models--org--mine")
    (read,) = planned(house, mine / snapshot).reads
    assert read.source == str(mine), "a snapshot's files are links to blobs beside it"
    for strange in ("../hub", "a/b/c", "org/..", "", "model\n"):
        with pytest.raises(BadJobFolder):
            planned(house, strange)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand over")
def test_a_folder_is_handed_over_without_following_links(house: Warden) -> None:
    folder, outside = house.job_folder(), house.folder / "outside"
    outside.write_text("")
    (folder / "deep").mkdir()
    (folder / "deep" / "link").symlink_to(outside)
    hand_over(folder, *identity.of_jobs())
    assert {p.lstat().st_uid for p in (folder, folder / "deep", folder / "deep" / "link")} == {NOBODY}
    assert outside.stat().st_uid == 0
