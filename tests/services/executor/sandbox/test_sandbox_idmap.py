"""What only root may read, shown to root's jobs: what they were given, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cell import REPOSITORY, Warden, job

from services.executor.files.folder import BadJobFolder
from services.executor.inventory.machine import Grant
from services.executor.sandbox import environment, idmap
from services.executor.sandbox.identity import NOBODY
from services.executor.sandbox.plan import Plan, plan

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's jobs read what that user reads")
LOOK = """
import json, os
from pathlib import Path
def tried(work):
    try: return work()
    except OSError as error: return error.strerror
model = Path({model!r})
weights = model / "model.safetensors"
print(json.dumps({{
    "read": tried(weights.read_text), "list": tried(lambda: sorted(os.listdir(model))),
    "above": tried(lambda: sorted(os.listdir(model.parent))), "owner": tried(lambda: weights.stat().st_uid),
    "write": tried(lambda: weights.write_text("x")), "open": tried(lambda: os.open(weights, os.O_RDWR)),
    "mode": tried(lambda: weights.chmod(0o644)), "remove": tried(weights.unlink),
    "new": tried(lambda: (model / "new").write_text("x")), "link": tried(lambda: os.link(weights, "mine")),
    "out": tried((model / "out").read_text), "beside": tried((model.parent / "secret").read_text),
}}))
"""


@pytest.fixture
def house(place: Path) -> Warden:
    return Warden(place, ordinary=False)


def private(folder: Path, owner: int = 0) -> Path:
    """A model as safetensors and tempfile leave it, beside something that nobody was given."""
    folder.mkdir(parents=True)
    for path, text in ((folder / "model.safetensors", "weights"), (folder.parent / "secret", "secret")):
        path.write_text(text)
        path.chmod(0o600)
    os.chown(folder / "model.safetensors", owner, owner)
    folder.chmod(0o700)
    return folder


def planned(house: Warden, *reads: Path) -> Plan:
    return plan(job(house.job_folder(), reads=tuple(map(str, reads))), Grant())


def test_a_model_that_root_saved_is_read_and_nothing_else_is_done_with_it(house: Warden) -> None:
    model = private(house.folder / "models" / "tiny")
    (model / "out").symlink_to(model.parent / "secret")
    seen = house.told(LOOK.format(model=str(model)), reads=(str(model),))
    assert (seen["read"], seen["list"], seen["owner"]) == ("weights", ["model.safetensors", "out"], NOBODY)
    assert seen["above"] == ["tiny"]
    assert {seen[name] for name in ("write", "open", "mode", "remove", "new")} == {"Read-only file system"}
    assert seen["link"] == "Invalid cross-device link"
    assert (seen["out"], seen["beside"]) == ("No such file or directory", "No such file or directory")
    found = (model / "model.safetensors").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o600), "on the disk all is as it was"


def test_a_file_by_itself_and_a_folder_that_only_is_closed(house: Warden) -> None:
    model = private(house.folder / "models" / "tiny")
    file = model / "model.safetensors"
    assert house.told(LOOK.format(model=str(model)), reads=(str(file),))["list"] == ["model.safetensors"]
    file.chmod(0o644)
    assert house.told(LOOK.format(model=str(model)), reads=(str(model),))["read"] == "weights"


def test_a_snapshot_of_the_hub_with_private_blobs(house: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = house.folder / ".cache" / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    kept, snapshot = cache / "models--org--tiny", cache / "models--org--tiny" / "snapshots" / "abc"
    private(kept / "blobs")
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to("../../blobs/model.safetensors")
    private(cache / "models--org--other" / "blobs")
    inside = Path(environment.HUB, "models--org--tiny", "snapshots", "abc")
    for name, shown in ((str(snapshot), snapshot), ("org/tiny", inside)):
        seen = house.told(LOOK.format(model=str(shown)), reads=(name,))
        assert seen["read"] == "weights"
        assert "other" not in str(seen)


def test_links_of_a_hostile_job_lead_nowhere_in_it(house: Warden) -> None:
    """One that lies where its parent's model should, and is exchanged when the plan has been made."""
    model = private(house.job_folder("parent") / "model")
    secret = private(house.folder / "sealed")
    exchange = (
        f"import os; os.rename({str(model)!r}, {str(model)!r} + '.old'); os.symlink({str(secret)!r}, {str(model)!r})"
    )
    done = house.run("print('it ran')", reads=(str(model),), before=exchange)
    assert done.returncode == 125 and done.stdout == ""
    assert "has become a link" in done.stderr


def test_only_what_needs_it_is_shown_so(house: Warden) -> None:
    model, public = private(house.folder / "models" / "tiny"), house.folder / "public"
    public.mkdir()
    assert [read.mapped for read in planned(house, model, public).reads] == [True, False]
    theirs = private(house.folder / "jobs" / "parent" / "model", NOBODY)
    os.chown(theirs, NOBODY, NOBODY)
    assert [read.mapped for read in planned(house, theirs).reads] == [False], "as an earlier job leaves it"


def test_what_belongs_to_somebody_else_stays_closed(house: Warden) -> None:
    for owner in (NOBODY, 4321):
        model = private(house.folder / f"of{owner}" / "tiny", owner)  # in root's folder: either they see, or we do
        with pytest.raises(BadJobFolder, match=rf"user {NOBODY}.* cannot read {model}.*: chmod -R a\+rX"):
            planned(house, model)


@pytest.mark.parametrize("name", [".ssh", ".config/model"])
def test_what_is_hidden_stays_closed(name: str, house: Warden) -> None:
    with pytest.raises(BadJobFolder, match=r"chmod -R a\+rX"):
        planned(house, private(house.folder / "home" / name))


def test_the_keys_of_the_machine_stay_closed(house: Warden) -> None:
    for path in (path for path in (Path("/etc/shadow"), Path("/etc/gshadow")) if path.exists()):
        with pytest.raises(BadJobFolder):
            planned(house, path)


PLAN = """
import os, sys
from pathlib import Path
sys.path.insert(0, "tests/services/executor/sandbox")
from test_sandbox_idmap import Warden, planned, private
from services.executor.files.folder import BadJobFolder
folder = Path(sys.argv[1])
try: print(planned(Warden(folder, False), private(folder / "models" / "tiny")).reads)
except BadJobFolder as error: print(error)
"""


@pytest.mark.parametrize(
    "begin",
    [
        'mount -t ramfs none "$1"',
        'exec 3>&-; set -- setpriv --bounding-set=-sys_admin --inh-caps=-all -- "$@"',
    ],
    ids=["a file system that maps no ids", "root without the right to mount"],
)
def test_where_it_cannot_be_done_that_is_said_with_a_remedy(begin: str, house: Warden) -> None:
    text = "folder=$1; shift; " + begin.replace('"$1"', '"$folder"') + '; exec "$@"'
    argv = ["unshare", "--mount", "sh", "-ec", text, "sh", str(house.folder)]
    argv += [sys.executable, "-c", PLAN, str(house.folder)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, check=True)
    model = house.folder / "models" / "tiny"
    assert done.stdout.strip().endswith(f"cannot read {model}: chmod -R a+rX {model}"), done.stdout


def test_a_place_that_maps_none_says_why(place: Path) -> None:
    assert idmap.fault(place) is None
    assert idmap.fault(Path("/proc")) == "mount_setattr: Invalid argument"
