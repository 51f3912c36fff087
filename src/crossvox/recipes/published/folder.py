"""Folders that an import may write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import ArtifactError, expect


def claim(folder: Path, stages: Sequence[str], what: str) -> None:
    """Refuse to write into a folder that something else wrote.

    Raises:
        ArtifactError: it is a file, or holds something but an earlier import.
    """
    if not folder.exists():
        return
    own = (folder / MANIFEST).is_file() and read_manifest(folder).stage in stages
    empty = folder.is_dir() and not any(folder.iterdir())
    expect(
        own or empty,
        given=f"{folder}, which holds something else",
        needed=f"a new or empty {what} folder, or one that this command wrote",
        do="name another folder",
        error=ArtifactError,
    )
