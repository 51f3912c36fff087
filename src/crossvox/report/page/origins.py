"""What made each folder, and with which versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import crossvox
from crossvox.core.artifact import plain
from crossvox.core.files import PARAMS
from crossvox.report.folders import json_of
from crossvox.report.hiding import hidden_all
from crossvox.report.sources import Sources

_PACKAGES = ("numpy", "torch", "accelerate", "numba", "embreex", "scikit-image")


def origins(sources: Sources) -> list[dict[str, Any]]:
    """What made each folder: stage, version, seed, machine, parameters, notes."""
    folders = [
        *(("data", path) for path in sources.data),
        *(("scene", path) for path in sources.scenes.values()),
        *(("run", path) for path in sources.runs),
        *(("prediction", path) for path in sources.predictions),
        *(("scan", path) for path in sources.scans),
        *(("study", path) for path in sources.studies),
    ]
    return [_origin(role, folder, sources) for role, folder in folders]


def _origin(role: str, folder: Path, sources: Sources) -> dict[str, Any]:
    manifest = sources.manifest(folder)
    params = manifest.params if manifest is not None else None
    if not params:
        params = json_of(folder / PARAMS, sources)
    notes = manifest.notes if manifest is not None else {}
    return {
        "role": role,
        "name": folder.resolve().name,
        "manifest": manifest,
        "digest": manifest.digest if manifest is not None else "",
        "params": flat(hidden_all(plain(params))),
        "notes": flat(hidden_all(plain(notes))),
    }


def flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested parameters as rows ``a.b.c``, value."""
    if isinstance(value, Mapping):
        return [
            row
            for key, item in value.items()
            for row in flat(item, f"{prefix}.{key}" if prefix else str(key))
        ]
    if value is None and not prefix:
        return []
    if isinstance(value, list) and len(value) > 12:
        return [(prefix, f"{len(value)} entries")]
    if isinstance(value, list):
        return [(prefix, ", ".join(_plain_text(item) for item in value) or "none")]
    return [(prefix, _plain_text(value))]


def _plain_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return ", ".join(f"{k} {v}" if v else k for k, v in flat({"": value}))
    return str(value)


def versions() -> list[tuple[str, str]]:
    found = [("crossvox", crossvox.__version__), ("Python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, package_version(name)))
        except PackageNotFoundError:
            continue
    return found
