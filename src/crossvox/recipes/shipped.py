"""Runs that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

from crossvox.core.checks import ParamsError, expect
from crossvox.train.params import PARAMS

FOLDER = Path(__file__).resolve().parent / "shipped_runs"


def shipped_runs() -> tuple[str, ...]:
    """Names of the runs that come with the package."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{PARAMS}")))


def find_run(run: Path) -> Path:
    """A run folder, or the shipped one of this name where no such folder exists.

    Args:
        run: a path, or a name such as ``default3d``.

    Raises:
        ParamsError: it is a bare name, and neither a folder here nor a shipped run.
    """
    if run.exists() or len(run.parts) != 1:
        return run
    names = shipped_runs()
    expect(
        run.name in names,
        given=f"run {run}, which does not exist",
        needed=f"a run folder, or one that comes with the package ({', '.join(names) or 'none'})",
        do="check the path, or train one with 'crossvox train reconstruct'",
        error=ParamsError,
    )
    return FOLDER / run.name


def is_shipped(run: Path) -> bool:
    """Whether a run folder comes with the package."""
    return run.parent == FOLDER
