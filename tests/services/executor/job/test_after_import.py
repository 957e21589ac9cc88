"""What a job adds to a library waits until the script imports it, and costs nothing where it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from services.executor.job.after_import import after_import


def test_it_is_done_once_when_the_module_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_module.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[int] = []
    after_import("late_module", lambda: seen.append(sys.modules["late_module"].value))
    assert seen == []
    import late_module  # type: ignore[import-not-found]

    assert seen == [1]
    assert late_module.__spec__.loader is late_module.__loader__
    assert not [finder for finder in sys.meta_path if "after_import" in type(finder).__module__]
    after_import("late_module", lambda: seen.append(2))
    assert seen == [1, 2]


def test_a_module_that_fails_fails_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('broken')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    after_import("broken_module", lambda: pytest.fail("it is not there"))
    with pytest.raises(RuntimeError, match="broken"):
        import broken_module  # type: ignore[import-not-found]  # noqa: F401
