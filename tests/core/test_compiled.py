"""Compiled code where nothing but the folder for temporary files can be written."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import crossvox

READ = "import crossvox.views.kernels, os; print(os.environ.get('NUMBA_CACHE_DIR', 'the usual'))"


def run(source: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    return subprocess.run(
        [sys.executable, "-B", "-c", READ],
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPATH": str(source), **environment},
    )


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """The package where no ``__pycache__`` can be made, not even by root: files stand there."""
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(crossvox.__file__).parent, source / "crossvox", ignore=ignore)
    for folder in [source / "crossvox", *(source / "crossvox").rglob("*")]:
        if folder.is_dir():
            (folder / "__pycache__").touch()
    return source


def test_a_read_only_installation_without_a_home_can_be_imported(
    sealed: Path, tmp_path: Path
) -> None:
    """Numba 0.68.1 raises ``no locator available`` at import."""
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    nowhere = str(tmp_path / "file" / "home")
    done = run(sealed, HOME=nowhere, TMPDIR=str(tmp_path / "temporary"))
    assert (done.returncode, done.stderr) == (0, "")
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path / "temporary"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)  # others could have put code there
    again = run(sealed, HOME=nowhere, TMPDIR=str(tmp_path / "temporary"))
    assert Path(again.stdout.strip()) != folder


def test_a_folder_that_can_be_written_is_used(sealed: Path, tmp_path: Path) -> None:
    assert run(sealed, HOME=str(tmp_path)).stdout.strip() == "the usual"
    chosen = run(sealed, HOME=str(tmp_path / "file"), NUMBA_CACHE_DIR=str(tmp_path / "own"))
    assert chosen.stdout.strip() == str(tmp_path / "own")
