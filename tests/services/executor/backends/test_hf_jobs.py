"""What Hugging Face Jobs have beyond the contract: prices, secrets, refusals, lost connections, files on their way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jobs_container
import pytest
from huggingface_hub import HfApi
from jobs_server import TOKEN, JobsServer
from watched_job import WatchedJob, make_job

from protocol.errors import BadInput
from services.executor.backends.backend import BackendFailed, Sampled
from services.executor.backends.hf_jobs import metrics
from services.executor.backends.hf_jobs.backend import HfJobsBackend, hf_jobs_backend
from services.executor.backends.hf_jobs.code import archive
from services.executor.backends.hf_jobs.handle import HfJobsHandle
from services.executor.backends.hf_jobs.manifest import Manifest
from services.executor.files.folder import BadJobFolder
from services.executor.watch.usage import Usage

pytestmark = pytest.mark.skipif(not jobs_container.works(), reason="the server's containers take bubblewrap")
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(600)"


async def over(hub: JobsServer) -> None:
    """Until all that was started has ended."""
    for container in hub.jobs.values():
        assert await asyncio.to_thread(container.ended.wait, 60)


# -------------------------------------------------------------------- the way of files


async def test_what_a_job_reads_travels_once_and_is_found_under_its_own_path(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path
) -> None:
    data, model, blob = tmp_path / "data" / "mix.jsonl", tmp_path / "base", tmp_path / "blob"
    data.parent.mkdir()
    data.write_text('{"prompt": "ä"}\n')
    (model / "deep").mkdir(parents=True)
    blob.write_bytes(bytes(range(256)) * 5000)
    (model / "weights.safetensors").symlink_to(blob)  # as in the Hub's cache
    (model / "deep" / "config.json").write_text("{}")
    (model / "empty").write_bytes(b"")
    script = (
        "import sys, hashlib\nfrom pathlib import Path\ndata, model = map(Path, sys.argv[1:])\n"
        "print(data.read_text().strip())\n"
        "print(hashlib.sha256((model / 'weights.safetensors').read_bytes()).hexdigest())\n"
        "print(sorted(str(p.relative_to(model)) for p in model.rglob('*')), (model / 'empty').stat().st_size)\n"
        "try:\n    (model / 'mine').write_text('x')\nexcept OSError as error:\n    print('READ-ONLY', error.errno)\n"
        f"print('OTHERS', Path({str(blob)!r}).exists(), Path({str(Path.cwd() / 'protocol')!r}).exists())\n"
    )
    reads = (str(data), str(model))
    watched = await WatchedJob.start(rented, make_job(tmp_path, "read.py", *reads, script=script, reads=reads))
    assert (await watched.end()).code == 0, watched.lines
    assert watched.lines == [
        '{"prompt": "ä"}',
        hashlib.sha256(blob.read_bytes()).hexdigest(),
        "['deep', 'deep/config.json', 'empty', 'weights.safetensors'] 0",
        "READ-ONLY 30",
        "OTHERS False False",
    ]
    sent = [said for said in hub.requests if "/xorbs/" in said]
    again = await WatchedJob.start(rented, make_job(tmp_path, "read.py", *reads, script=script, reads=reads))
    assert (await again.end()).code == 0
    only_the_request = [said for said in hub.requests if "/xorbs/" in said][len(sent) :]
    assert len(only_the_request) <= 1
    assert [path.name for path in hub.buckets.folder("ada/postdocs-jobs").joinpath("code").iterdir()] != []


async def test_what_a_job_leaves_comes_back_and_what_it_must_not_touch_stays(
    rented: HfJobsBackend, tmp_path: Path
) -> None:
    script = (
        "import os\nfrom pathlib import Path\nPath('model').mkdir()\nPath('model/a.txt').write_text('kept')\n"
        "Path('leave.py').write_text('changed')\nos.symlink('/etc/passwd', 'link')\nprint('done')\n"
    )
    job = make_job(tmp_path, "leave.py", script=script)
    watched = await WatchedJob.start(rented, job)
    assert (await watched.end()).code == 0, watched.lines
    folder = Path(job.folder)
    assert (folder / "model" / "a.txt").read_text() == "kept"
    assert (folder / "leave.py").read_text() == script
    assert (folder / "output.log").read_text() == "done\n"
    assert json.loads((folder / "events.jsonl").read_text().splitlines()[0])["kind"] == "running"
    assert {path.name for path in folder.iterdir()} == {"model", "leave.py", "output.log", "events.jsonl"}


async def test_a_manifest_cannot_lead_out_of_the_folder() -> None:
    for path in ("../a", "/etc/passwd", "a/../../b", ""):
        with pytest.raises(ValueError, match="leads out"):
            Manifest.model_validate({"files": {path: {"size": 1, "sha256": "0"}}})


async def test_results_that_are_not_what_the_job_said_are_refused(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path
) -> None:
    script = "from pathlib import Path\nPath('model').mkdir()\nPath('model/a.txt').write_text('kept')\n"
    job = make_job(tmp_path, "leave.py", script=script)
    watched = await WatchedJob.start(rented, job)
    await over(hub)
    (hub.buckets.folder("ada/postdocs-jobs") / "jobs" / job.id / "out" / "model" / "a.txt").write_text("else")
    with pytest.raises(BackendFailed, match=r"model/a\.txt came back damaged"):
        await watched.end()
    assert not (Path(job.folder) / "model").exists()


async def test_a_job_that_has_saved_more_than_its_disk_limit_is_failed(rented: HfJobsBackend, tmp_path: Path) -> None:
    script = "from pathlib import Path\nPath('big').write_bytes(b'x' * 3_000_000)"
    watched = await WatchedJob.start(rented, make_job(tmp_path, "big.py", script=script, needs={"disk_gb": 0.002}))
    assert (await watched.end()).limit == "disk limit 0.002 GB exceeded: it has saved 0.00 GB"
    assert not (Path(watched.job.folder) / "big").exists()


async def test_what_it_reads_must_be_there(rented: HfJobsBackend, tmp_path: Path) -> None:
    with pytest.raises(BadJobFolder, match="is not there to be sent"):
        await WatchedJob.start(rented, make_job(tmp_path, "a.py", script="", reads=(str(tmp_path / "no"),)))


async def test_the_code_that_travels_is_the_same_for_the_same_code() -> None:
    assert archive() == archive()


def test_the_code_that_travels_stands_alone(tmp_path: Path) -> None:
    """It finds all of ours in itself, and needs no package of the bus or the crew."""
    place = tmp_path / "code.pyz"
    place.write_bytes(archive())
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r})\n"
        "import services.executor.backends.hf_jobs.entry, services.executor.job.cold\n"
        "ours = [m for n, m in sys.modules.items() if n.split('.')[0] in ('protocol', 'services') and m.__file__]\n"
        f"assert ours and all(m.__file__.startswith({str(place)!r}) for m in ours)\n"
        "print(*{name.split('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not {"nats", "ray", "submitit", "langgraph", "autogen_agentchat", "optuna"} & set(done.stdout.split())


async def test_a_public_bucket_is_refused(hub: JobsServer) -> None:
    hub.buckets.create("ada/postdocs-jobs", private=False)
    with pytest.raises(BackendFailed, match=r"ada/postdocs-jobs is public.*make it private at"):
        await HfJobsBackend(HfApi(hub.url, TOKEN)).open()


# -------------------------------------------------------------------- what is rented


async def test_a_job_is_submitted_with_flavor_timeout_label_and_secrets_where_they_belong(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path
) -> None:
    script = "import os\nprint('KEY', os.environ['SOME_KEY'])"
    job = make_job(tmp_path, "env.py", script=script, seconds=30.0, grace=20.0, needs={"gpus": 1, "kind": "a100"})
    watched = await WatchedJob.start(rented, job)
    assert (await watched.end()).code == 0, watched.lines
    (container,) = hub.jobs.values()
    shown = hub.shown(container)
    assert (shown["flavor"], shown["timeoutSeconds"]) == ("a100-large", 950)
    assert shown["labels"]["postdocs-job"] == job.id
    assert set(shown["secrets"]) == {"SOME_KEY"}
    public = {name: value for name, value in container.spec.items() if name != "secrets"}
    for secret in container.spec["secrets"].values():
        assert secret not in json.dumps(public) + json.dumps(shown)
    assert watched.lines == ["KEY [secret]"]
    assert "sk-very" not in (Path(job.folder) / "output.log").read_text()


SEARCH = r"""
import os, re
from pathlib import Path
for path in Path("/postdocs/job").rglob("*"):
    print("MOUNTED", path.name, path.read_bytes() if path.is_file() else "")
pid = os.getpid()
while pid:
    for what in ("environ", "mem"):
        try:
            with open(f"/proc/{pid}/{what}", "rb") as file:
                print("READ", what, pid == os.getpid(), file.read() if what == "environ" else "")
        except OSError as error:
            print("REFUSED", what, pid == os.getppid(), error.errno)
    pid = int(re.search(r"PPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
"""


async def test_a_script_cannot_learn_the_word_that_its_runner_speaks_under(
    rented: HfJobsBackend, tmp_path: Path
) -> None:
    watched = await WatchedJob.start(rented, make_job(tmp_path, "search.py", script=SEARCH))
    assert (await watched.end()).code == 0, watched.lines
    assert any(line.startswith("MOUNTED request.json") for line in watched.lines)
    assert any(line.startswith("READ environ True") for line in watched.lines)
    assert "REFUSED mem True 13" in watched.lines, "of its parent, the runner"
    assert isinstance(watched.handle, HfJobsHandle)
    assert watched.handle._word not in "\n".join(watched.lines)


async def test_a_machine_that_goes_on_after_its_job_has_ended_is_cancelled(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_container.Container, "lingers", True)
    monkeypatch.setattr("services.executor.backends.hf_jobs.handle.END_SECONDS", 0.5)
    watched = await WatchedJob.start(rented, make_job(tmp_path, "short.py", script="print('done')"))
    assert (await watched.end()).code == 0
    (container,) = hub.jobs.values()
    assert container.stage == "RUNNING"
    await watched.handle.kill()
    await over(hub)
    assert (container.stage, (await watched.handle.wait()).code) == ("CANCELED", 0)


async def test_a_new_start_looks_for_checkpoints_when_the_earlier_one_has_ended(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(tmp_path, "sleep.py", script=SLEEP)
    first = await WatchedJob.start(rented, job)
    await first.until(lambda: "begun" in first.lines)
    (container,) = hub.jobs.values()
    monkeypatch.setattr(jobs_container.Container, "dies_after", 1.0)
    read, seen = rented.store.manifest, []

    def noted(place: str) -> Manifest:
        seen.append(container.stage)
        return read(place)

    monkeypatch.setattr(rented.store, "manifest", noted)
    again = await WatchedJob.start(rented, job)
    assert seen[-1] == "CANCELED"
    monkeypatch.setattr("services.executor.backends.hf_jobs.backend.END_SECONDS", 0.0)
    monkeypatch.setattr(jobs_container.Container, "dies_after", 3.0)
    with pytest.raises(BackendFailed, match="an earlier start of the job does not end"):
        await WatchedJob.start(rented, job)
    await first.end()
    await again.stop()


async def test_a_job_that_no_machine_fits_is_the_jobs_fault(rented: HfJobsBackend, tmp_path: Path) -> None:
    with pytest.raises(BadJobFolder, match=r"offer no machine for .*'gpus': 16"):
        await WatchedJob.start(rented, make_job(tmp_path, "a.py", script="", needs={"gpus": 16}))


async def test_earlier_deliveries_of_a_job_are_ended_however_many_pages_they_fill(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path
) -> None:
    job = make_job(tmp_path, "sleep.py", script=SLEEP)
    first = await WatchedJob.start(rented, job)
    await first.until(lambda: "begun" in first.lines)
    (container,) = hub.jobs.values()
    copies = [hub.contain(f"{n:024x}", container.spec) for n in range(4)]
    hub.jobs.update({copy.id: copy for copy in copies})
    again = await WatchedJob.start(rented, job)
    assert [copy.stage for copy in (container, *copies)] == ["CANCELED"] * 5
    assert [other.stage for other in hub.jobs.values()].count("RUNNING") == 1
    assert (await first.end()).limit == "ended by Hugging Face Jobs: stage CANCELED, without a reason"
    await again.stop()


async def test_the_hubs_own_time_limit_is_told(rented: HfJobsBackend, hub: JobsServer, tmp_path: Path) -> None:
    watched = await WatchedJob.start(rented, make_job(tmp_path, "sleep.py", script=SLEEP))
    await watched.until(lambda: "begun" in watched.lines)
    next(iter(hub.jobs.values())).stop("ERROR", "Job timeout")
    assert (await watched.end()).limit == "ended by Hugging Face Jobs: Job timeout"


async def test_a_job_tells_what_it_uses(rented: HfJobsBackend, tmp_path: Path) -> None:
    watched = await WatchedJob.start(rented, make_job(tmp_path, "sleep.py", script=SLEEP))
    assert isinstance(watched.handle, Sampled)
    for _ in range(1200):
        used = await watched.handle.usage()
        if used.busy is not None:
            break
        await asyncio.sleep(0.05)
    assert (used.device, used.busy) == ("cpu basic", 2.0)  # half of four cores, as the server says
    assert used.memory_gb is not None and 0 < used.memory_gb < 10
    await watched.stop()


async def test_of_several_gpus_the_busiest_counts() -> None:
    gpus = {"a": {"utilization": 10}, "b": {"utilization": 90}}
    said = {"cpu_usage_pct": 5, "cpu_millicores": 8000, "memory_used_bytes": 2 * 10**9, "gpus": gpus}
    assert metrics.usage("a100", said) == Usage(device="a100", busy=0.9, memory_gb=2.0)
    assert metrics.usage("a100", {}) == Usage(device="a100")


# -------------------------------------------------------------------- how it is set up


async def test_the_environment_says_who_pays_and_which_secrets_jobs_are_given() -> None:
    environment = {
        "HF_TOKEN": "hf_x",
        "POSTDOCS_HF_NAMESPACE": "lab",
        "POSTDOCS_HF_SECRETS": "A, B",
        "A": "1",
        "B": "2",
    }
    made = hf_jobs_backend(environment)
    assert (made.api.token, made.namespace, made.passed) == ("hf_x", "lab", {"A": "1", "B": "2"})


async def test_a_secret_that_is_not_set_is_told() -> None:
    with pytest.raises(BadInput, match="POSTDOCS_HF_SECRETS names A, which is not set"):
        hf_jobs_backend({"POSTDOCS_HF_SECRETS": "A"})
