"""What folders hold: everything as bytes, and the same but for times."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST
from crossvox.core.checks import CrossvoxError
from crossvox.flow.contents import OWN_HIDDEN, damage

TIMED = {
    "check",
    "created",
    "seconds",
    "machine",
    "seconds_by_part",
    "eta_s",
    "total",
    "samples_per_second",
}
"""Fields of JSON files that tell times."""

LASTING = ".locks"

_CLOCK = re.compile(
    r"<li.*class=\"track\".*</li>|\d{4}-\d\d-\d\dT[0-9:+.]+"
    r"|\d+(\.\d+)? (s|min|h)\b|\d\d? \w+ \d{4}, \d\d:\d\d|[0-9.]+ [Mk]B"
)
"""What a page tells of times: bars of stages, dates, durations; sizes follow from their digits."""


def contents(folder: Path) -> dict[str, str]:
    """Digest of each file below a folder, by path; targets of links; leftovers are left out."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(OWN_HIDDEN.fullmatch(part) for part in name.split("/")):
            continue
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = _digest(path.read_bytes())
    return found


def timeless(folder: Path) -> dict[str, str]:
    """Like :func:`contents`, less what tells times."""
    found = contents(folder)
    for name in found:
        path = folder / name
        if path.suffix == ".json":
            found[name] = _digest(json.dumps(_without_times(json.loads(path.read_text()))).encode())
        elif path.suffix == ".jsonl":
            lines = [_without_times(json.loads(line)) for line in path.read_text().splitlines()]
            found[name] = _digest(json.dumps(lines).encode())
        elif path.suffix == ".html":
            found[name] = _digest(_CLOCK.sub("", path.read_text()).encode())
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            if key in TIMED:
                continue
            # A list of files tells a digest of files that tell times.
            timed = str(key).endswith((".json", ".jsonl")) and isinstance(item, str)
            kept[key] = "" if timed else _without_times(item)
        return kept
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def finished(folder: Path) -> dict[str, dict[str, str]]:
    """What every finished folder in a folder holds, by path."""
    found = {}
    for manifest in sorted(folder.rglob(MANIFEST)):
        part = manifest.parent
        name = part.relative_to(folder).as_posix()
        if any(OWN_HIDDEN.fullmatch(piece) for piece in name.split("/")):
            continue
        if json.loads(manifest.read_text()).get("files") is not None:
            found[name] = contents(part)
    return found


def damaged(folder: Path) -> list[str]:
    """Finished folders in a folder that are not as they were written."""
    faults = []
    for name in finished(folder):
        try:
            fault = damage(folder / name, whole=True)
        except CrossvoxError as error:
            fault = str(error)
        if fault:
            faults.append(f"{name}: {fault}")
    return faults


def leftovers(folder: Path) -> list[str]:
    """Hidden pieces that are not to be there after a command has ended well."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob(".*")
        if OWN_HIDDEN.fullmatch(path.name) and path.name != LASTING
    ]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
