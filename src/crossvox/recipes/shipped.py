"""Runs that come with the package: their names, the sets they make up, and where a run lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossvox.core.checks import ParamsError, expect
from crossvox.core.files import PARAMS
from crossvox.core.registry import nearest

FOLDER = Path(__file__).resolve().parent / "shipped_runs"

DEFAULT, FREE, NONE = "default", "free", "none"

SETS: Mapping[str, Mapping[str, str]] = {
    DEFAULT: {"images": "default2d", "rooms": "default3d", "labels": "labels3d"},
    FREE: {"images": "free2d", "rooms": "default3d", "labels": "free-labels3d"},
}
"""What each set takes for the classes of images, the surface of rooms, and the classes in 3D."""


@dataclass(frozen=True)
class ShippedSet:
    """The runs that label and complete a room together; None: there is no such run.

    Attributes:
        name: one of :data:`SETS`, or ``none``.
        images: labels the pixels of frames.
        rooms: completes the surface.
        labels: corrects in 3D what the frames say of classes.
    """

    name: str
    images: Path | None = None
    rooms: Path | None = None
    labels: Path | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of members that this installation lacks."""
        members = SETS.get(self.name, {})
        return tuple(name for role, name in members.items() if getattr(self, role) is None)

    @property
    def remark(self) -> str:
        """What is to be told of members that are missing; empty where none is."""
        if not self.missing:
            return ""
        lacks = {"images": "labels no frames", "rooms": "completes nothing", "labels": "only votes"}
        roles = [role for role, name in SETS[self.name].items() if name in self.missing]
        return (
            f"set {self.name} is incomplete: {', '.join(self.missing)} did not come with this "
            f"installation, so it {' and '.join(lacks[role] for role in roles)}"
        )


def shipped_runs() -> tuple[str, ...]:
    """Names of the runs that come with the package."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{PARAMS}")))


def shipped_set(name: str) -> ShippedSet:
    """The runs of a set, by its name; ``none`` has none.

    Raises:
        ParamsError: no set is called so.
    """
    if name == NONE:
        return ShippedSet(NONE)
    expect(
        name in SETS,
        given=f"networks {name!r}",
        needed=f"one of {', '.join((*SETS, NONE))}",
        do=nearest(name, (*SETS, NONE)) or "correct the name",
        error=ParamsError,
    )
    there = shipped_runs()
    found = {role: FOLDER / member for role, member in SETS[name].items() if member in there}
    return ShippedSet(name, **found)


def sets_of(run: str) -> tuple[str, ...]:
    """Names of the sets that a run belongs to."""
    return tuple(name for name, members in SETS.items() if run in members.values())


def find_run(run: Path) -> Path:
    """A run folder, or the shipped one of this name where no run folder here is called so.

    Args:
        run: a path, or a name such as ``default3d``.

    Raises:
        ParamsError: it is neither a folder nor the name of a shipped run.
    """
    names = shipped_runs()
    named = len(run.parts) == 1 and run.name in names
    if holds_run(run) or (run.exists() and not named):
        return run
    expect(
        named,
        given=f"run {run}, which does not exist",
        needed=f"a run folder, or one that comes with the package ({', '.join(names) or 'none'})",
        do=nearest(run.name, names) or "check the path, or train one: 'crossvox train'",
        error=ParamsError,
    )
    return FOLDER / run.name


def holds_run(folder: Path) -> bool:
    """Whether a run lies in a folder, and not a result that was given the name of one."""
    return (folder / PARAMS).is_file()


def is_gone(path: Path | None) -> bool:
    """Whether what a run is made from was named and is not there."""
    return path is not None and not path.exists() and str(path) not in shipped_runs()


def found_or_none(run: Path | None) -> Path | None:
    """As :func:`find_run`, where a run need not be named."""
    return None if run is None else find_run(run)


def is_shipped(run: Path) -> bool:
    """Whether a run folder comes with the package."""
    return run.parent == FOLDER


def linked(run: Path | None) -> Path | None:
    """A run as results link to it: one of the package is no folder of theirs."""
    return None if run is None or is_shipped(run) else run
