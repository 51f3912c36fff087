"""Where compiled code is kept between runs.

Numba keeps it beside the source, or in the user's cache folder. Where neither can be written (a
read-only installation, run by a user without a home) it fails as soon as a module with compiled
functions is imported; a folder for temporary files stands in then.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def find_cache(package: Path) -> None:
    """Name a folder for compiled code where Numba would find none. Costs next to nothing.

    Args:
        package: folder of the source.
    """
    if os.environ.get(VARIABLE) or any(map(_can_be_written, _usual(package))):
        return
    try:
        folder = _own_temporary()
    except OSError:
        return  # nowhere: Numba tells so itself
    os.environ[VARIABLE] = str(folder)
    if "numba" in sys.modules:  # it has read its variables already
        sys.modules["numba"].config.CACHE_DIR = str(folder)


def _usual(package: Path) -> list[Path]:
    """Where Numba would keep code."""
    try:
        home = Path.home()
    except RuntimeError:
        return [package / "__pycache__"]
    caches = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or home / caches)
    return [package / "__pycache__", folder / "numba"]


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made in a folder, which may have to be made first."""
    for place in (folder, *folder.parents):
        if place.exists():
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False


def _own_temporary() -> Path:
    """A folder for temporary files that nobody else can write: code is run out of it."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"crossvox-compiled-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if folder.is_symlink() or (hasattr(os, "getuid") and state.st_uid != user):
        return Path(tempfile.mkdtemp(prefix="crossvox-compiled-"))
    if sys.platform != "win32" and state.st_mode & 0o022:
        return Path(tempfile.mkdtemp(prefix="crossvox-compiled-"))
    return folder
