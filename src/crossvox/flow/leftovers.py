"""What killed processes leave in a folder, and how it is cleared.

Unfinished items, items that were moved aside, lists and manifests that were being written, locks
and who held them. Each is cleared by whoever gets the lock of it: nobody is at work on it then.
"""

from __future__ import annotations

import re
from pathlib import Path

from crossvox.core.artifact import writer_of
from crossvox.flow import locks
from crossvox.flow.folder import OLD, PART, recover

_ASIDE = re.compile(rf"\.(?P<name>.+)\.[0-9a-f]{{8}}({re.escape(PART)}|{re.escape(OLD)})")


def clear_items(out: Path) -> None:
    """Clear what is left in a folder of items, also of such as nobody asks for any more."""
    if not out.is_dir():
        return
    for name in _names_aside(out):
        with locks.taken(out, name) as mine:
            if mine:
                recover(out / name)
    locks.clear(out)


def clear_own(folder: Path) -> None:
    """Clear what is left in a folder that this process works in alone."""
    if not folder.is_dir():
        return
    for name in _names_aside(folder):
        recover(folder / name)
    clear_unfinished(folder)


def clear_unfinished(folder: Path) -> None:
    """Remove files that a process of this machine was killed over; those of live ones stay."""
    import psutil

    for path in folder.iterdir():
        process = writer_of(path.name)
        if process is not None and not psutil.pid_exists(process):
            path.unlink(missing_ok=True)


def _names_aside(folder: Path) -> list[str]:
    found = (_ASIDE.fullmatch(path.name) for path in folder.iterdir() if path.is_dir())
    return sorted({match["name"] for match in found if match})
