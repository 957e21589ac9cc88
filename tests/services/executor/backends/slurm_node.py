"""A real Slurm of one node, from Debian's packages (`apt-get install slurm-wlm munge`), for `make test-slurm`.

Controller, node daemon and munge run as root, with folder, key, ports and configuration of their own; nothing of the
machine's own Slurm, if it has one, is touched. No systemd, no cgroups and no accounting database are needed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scancel")
START_SECONDS = 60.0
CONFIG = """
ClusterName=postdocs
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
DefMemPerCPU=1000
ReturnToService=2
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 Gres=gpu:h100:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
GPUS = "Name=gpu Type=h100 File={folder}/gpu[0-1]\n"
"""Two that are but files: enough to see that Slurm is asked for them, and what happens then."""


def missing() -> list[str]:
    """What is needed and not there."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


class SlurmNode:
    """`start` and `stop` it; while it runs, `SLURM_CONF` has to be `config`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        self.config = self.folder / "slurm.conf"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        controller, node = (one.getsockname()[1] for one in ports)
        for one in ports:
            one.close()
        host = socket.gethostname().partition(".")[0]
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self.config.write_text(CONFIG.format(host=host, controller=controller, node=node, folder=self.folder))
        (self.folder / "gres.conf").write_text(GPUS.format(folder=self.folder))
        for name in ("gpu0", "gpu1"):
            (self.folder / name).touch()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self._environment = {
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
            "SLURM_CONF": str(self.config),
        }

    def start(self) -> None:
        """Raises `AssertionError` with the logs when the node is not idle in time."""
        socket_, key, seed = (self.folder / f"munge.{name}" for name in ("socket", "key", "seed"))
        files = [
            f"--socket={socket_}",
            f"--key-file={key}",
            f"--seed-file={seed}",
            f"--pid-file={self.folder}/munge.pid",
        ]
        self._begin("munged", "--foreground", "--force", *files, f"--log-file={self.folder}/munged.log")
        self._until(socket_.exists)
        self._begin("slurmctld", "-D", "-f", str(self.config))
        self._begin("slurmd", "-D", "-f", str(self.config))
        self._until(lambda: "idle" in self._ask("sinfo", "--noheader", "--format=%T"))

    def stop(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                family = psutil.Process(process.pid).children(recursive=True)
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                for child in family:
                    if child.is_running():
                        child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [name, *arguments], stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def _ask(self, *command: str) -> str:
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=30).stdout

    def _until(self, condition: object) -> None:
        assert callable(condition)
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            ended = [name for name, process in self._processes.items() if process.poll() is not None]
            assert not ended and time.monotonic() < deadline, f"{ended} ended; {self._logs()}"
            time.sleep(0.1)

    def _logs(self) -> str:
        logs = [*sorted(self.folder.glob("*.log")), *sorted(self.folder.glob("*.out"))]
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-1500:]}" for path in logs)
