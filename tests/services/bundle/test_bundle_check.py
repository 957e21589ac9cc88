"""A bundle that is not what the run wrote is told from one that is, before anything in it is run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protocol.score import Score
from services.artifacts.manifest import manifest_of
from services.bundle import rerun
from services.bundle.check import differences
from services.bundle.closure import closure
from services.bundle.manifest import Base, Bundle, BundleUnusable
from services.bundle.requirements import requirements, torch_build
from services.bundle.score import splits
from services.bundle.write import ENTRY
from services.cli.main import app

NOBODY = 65534
ROOT = Path(__file__).parents[3]


def score(value: float) -> Score:
    return Score(value=value, low=value - 0.02, high=value + 0.02, n=1000)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The files of one of which the model would be the base itself."""
    for name in ("data/dev.jsonl", "data/mixture-0.jsonl", "sealed/test.jsonl", "base/config.json", "run.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"what stands in {name}\n")
    Bundle(
        run="r1",
        candidate="base",
        base=Base(name="tiny", sha256="a" * 64, included=True),
        chain=(),
        metric="exact_match",
        scores={"dev": score(0.5), "test": score(0.5)},
        trained_sha256=None,
        python="3.11",
        files=manifest_of(tmp_path).files,
    ).save(tmp_path)
    return tmp_path


def told(folder: Path) -> list[str]:
    return differences(Bundle.load(folder), folder)


def test_what_was_not_touched_does_not_differ(bundle: Path) -> None:
    assert told(bundle) == []


@pytest.mark.parametrize("name", ["data/mixture-0.jsonl", "base/config.json", "sealed/test.jsonl", "run.sh"])
def test_one_byte_of_anything_is_told(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    before = hashlib.sha256(content).hexdigest()
    content[3] ^= 1
    (bundle / name).write_bytes(content)
    after = hashlib.sha256(content).hexdigest()
    assert told(bundle) == [f"{name} was changed: its sha256 is {after[:12]}…, not {before[:12]}…"]


def test_what_is_missing_or_was_added_is_told(bundle: Path) -> None:
    (bundle / "data" / "dev.jsonl").unlink()
    (bundle / "base" / "modeling.py").write_text("print('hello')")
    (bundle / ".venv").mkdir()
    (bundle / ".venv" / "anything").write_text("")
    assert told(bundle) == ["data/dev.jsonl is missing", "base/modeling.py was added"]


def test_a_file_may_not_be_replaced_by_a_link(bundle: Path, tmp_path: Path) -> None:
    (bundle / "run.sh").rename(bundle / "elsewhere")
    (bundle / "run.sh").symlink_to("elsewhere")
    assert told(bundle) == ["run.sh is a link: a bundle has the files themselves"]


def test_a_test_split_that_a_link_leads_to_is_not_taken_for_one_that_was_taken_out(bundle: Path) -> None:
    (bundle / "sealed" / "test.jsonl").rename(bundle / "other.jsonl")
    (bundle / "sealed" / "test.jsonl").symlink_to("../other.jsonl")
    assert told(bundle) == ["sealed/test.jsonl is a link: a bundle has the files themselves"]
    (bundle / "sealed" / "test.jsonl").unlink()
    (bundle / "other.jsonl").rename(bundle / "sealed" / "test.jsonl")
    (bundle / "sealed").rename(bundle / "aside")
    (bundle / "sealed").symlink_to("aside")
    assert told(bundle) == ["sealed is a link: a bundle has the files themselves"]


def test_a_link_to_a_folder_and_bytecode_are_told_as_what_was_added(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    (bundle / "data" / "tools").symlink_to(tmp_path / "evil")
    (bundle / "base" / "__pycache__").mkdir()
    (bundle / "base" / "__pycache__" / "pairs.cpython-311.pyc").write_bytes(b"instead of pairs.py")
    assert told(bundle) == [
        "data/tools is a link: a bundle has the files themselves",
        "base/__pycache__/pairs.cpython-311.pyc was added",
    ]


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that others may look into, as a user who owns nothing, where we are root."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_test_split_that_belongs_to_somebody_else_is_not_scored(bundle: Path, nobody: Path) -> None:
    shutil.copytree(bundle, nobody / "bundle")
    loaded, sealed = Bundle.load(nobody / "bundle"), nobody / "bundle" / "sealed"
    (nobody / "bundle").chmod(0o755)
    us = os.getuid()
    sealed.chmod(0o700 if us == 0 else 0)
    if us == 0:
        os.setresuid(NOBODY, NOBODY, us)
    try:
        assert differences(loaded, nobody / "bundle") == []
        assert set(splits(loaded, nobody / "bundle")) == {"dev"}
    finally:
        os.setresuid(us, us, us)
        sealed.chmod(0o700)


def test_the_test_split_may_be_taken_out(bundle: Path) -> None:
    (bundle / "sealed" / "test.jsonl").unlink()
    (bundle / "sealed").rmdir()
    assert told(bundle) == []


def test_verify_says_what_differs_runs_nothing_and_ends_with_3(bundle: Path) -> None:
    with (bundle / "data" / "mixture-0.jsonl").open("a") as data:
        data.write("x")
    done = CliRunner().invoke(app, ["verify", str(bundle)])
    assert done.exit_code == rerun.DIFFERS == 3
    assert "data/mixture-0.jsonl was changed" in done.output
    assert "nothing was run" in done.output


def test_verify_of_what_is_no_bundle_ends_with_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert done.exit_code == 2
    assert "is no bundle" in done.output
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(BundleUnusable, match="broken"):
        Bundle.load(tmp_path)


def test_a_score_agrees_when_it_lies_in_the_interval() -> None:
    inside = rerun.Comparison(split="test", recorded=score(0.9), rebuilt=score(0.915))
    outside = rerun.Comparison(split="dev", recorded=score(0.9), rebuilt=score(0.87))
    assert rerun.Outcome(run="r", candidate="c", comparisons=(inside,)).exit_code == 0
    both = rerun.Outcome(run="r", candidate="c", comparisons=(inside, outside), test_split=False)
    assert both.exit_code == 3
    assert "DISAGREES" in "\n".join(rerun.told(both)) and "taken out" in "\n".join(rerun.told(both))
    assert rerun.Outcome(run="r", candidate="c").exit_code == 3, "nothing that was compared is nothing that agrees"


def test_the_code_in_a_bundle_needs_nothing_else_of_ours(tmp_path: Path) -> None:
    for name, path in closure(*ENTRY).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(path.read_bytes())
    script = "import sys; sys.meta_path[:] = [m for m in sys.meta_path if 'editable' not in repr(m).lower()]\n"
    script += "import services.bundle.rerun, services.scorer.generate, services.scorer.loading as it\n"
    script += "print(it.__file__); print(*[n for n in sys.modules if n.split('.')[0] in ('agents', 'graph', 'nats')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "services" / "scorer" / "loading.py")]


def test_requirements_are_pinned_with_all_that_they_require() -> None:
    lines = requirements(["bitsandbytes==0.48", "torch==1.0"]).splitlines()
    pins = {line.partition("==")[0] for line in lines[1:]}
    assert {"torch", "transformers", "trl", "tokenizers", "safetensors", "pydantic-core"} <= pins
    assert all("==" in line for line in lines[1:])
    assert torch_build().splitlines()[-1] in (line.partition("  #")[0] for line in lines)
    assert "bitsandbytes==0.48" in lines and "torch==1.0" not in lines
    assert not pins & {"postdocs", "nats-py", "langgraph"}
