"""Which folders a page or a 3D view is about: their kinds, and the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crossvox.core.artifact import MANIFEST, Manifest, read_json, read_manifest
from crossvox.core.checks import ArtifactError, CrossvoxError, expect
from crossvox.core.files import LOG, STUDY, TRANSFER
from crossvox.report.hiding import hidden

Kind = Literal["run", "prediction", "predicted scene", "data", "scene", "scan", "study"]

ROOMS: tuple[Kind, ...] = ("prediction", "predicted scene", "data", "scene", "scan")
"""Kinds of folders whose rooms can be looked at."""

STAGES: dict[str, Kind] = {
    "train": "run",
    "import-checkpoint": "run",
    "predict": "prediction",
    "predict-scene": "predicted scene",
    "prepare": "data",
    "prepare-scene": "scene",
    "scan": "scan",
    "study": "study",
}
"""Kind of a folder by the stage that its manifest tells; ``train-TASK`` is a ``train``."""

SIGNS: tuple[tuple[str, Kind], ...] = (
    (STUDY, "study"),
    (LOG, "run"),
    ("best/", "run"),
    ("scores.*.json", "prediction"),
    ("*/mesh.ply", "prediction"),
    ("color/", "scene"),
    ("val.txt", "data"),
    ("*/color/", "data"),
    ("prediction/", "scan"),
    ("data/", "scan"),
)
"""Kind of a folder without a manifest, which a stage has not finished: the first that it holds."""


@dataclass
class Sources:
    """The folders that the page is about, in the order in which they were found.

    Attributes:
        runs, predictions, data, scans, studies: folders by kind.
        scenes: prepared scenes that were named by themselves, by scene name.
        missing: what was linked to, or expected, and is not there or is damaged.
    """

    runs: list[Path] = field(default_factory=list)
    predictions: list[Path] = field(default_factory=list)
    data: list[Path] = field(default_factory=list)
    scenes: dict[str, Path] = field(default_factory=dict)
    scans: list[Path] = field(default_factory=list)
    studies: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _manifests: dict[Path, Manifest | None] = field(default_factory=dict, repr=False)

    def manifest(self, folder: Path) -> Manifest | None:
        """A folder's manifest; None if it has none, or, told in ``missing``, a damaged one."""
        key = folder.resolve()
        if key not in self._manifests:
            self._manifests[key] = self._read(key)
        return self._manifests[key]

    def _read(self, folder: Path) -> Manifest | None:
        if not (folder / MANIFEST).is_file():
            return None
        try:
            return read_manifest(folder)
        except (CrossvoxError, OSError) as error:
            self.missing.append(hidden(f"{folder.name}: its manifest cannot be read ({error})"))
            return None

    def kind(self, folder: Path) -> Kind | None:
        """What a folder is; None if nothing that the page knows."""
        manifest = self.manifest(folder)
        if manifest is not None:
            kind = STAGES.get(manifest.stage) or STAGES.get(manifest.stage.split("-")[0])
            if kind is not None:
                return kind
        return next((kind for sign, kind in SIGNS if _holds(folder, sign)), None)


def _holds(folder: Path, sign: str) -> bool:
    """Whether a folder holds what a pattern says, which ends with ``/`` for a folder."""
    found = folder.glob(sign.rstrip("/"))
    return any(
        path.is_dir() if sign.endswith("/") else path.is_file()
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def gather(artifacts: Sequence[Path]) -> Sources:
    """The named folders, and those that their manifests link to.

    Raises:
        ArtifactError: there is none, or one is no folder of any known kind.
    """
    expect(
        len(artifacts) > 0,
        given="no folder",
        needed="at least one run, prediction or scan folder",
        do="name the folder that 'crossvox predict' or 'crossvox train' wrote",
        error=ArtifactError,
    )
    sources, seen = Sources(), set[Path]()
    for path in artifacts:
        expect(
            path.is_dir() and sources.kind(path) is not None,
            given=f"{path}, which is {_what(path)}",
            needed="a folder that 'crossvox train', 'predict', 'prepare', 'scan' or 'study' wrote",
            do="check the path, or run that stage",
            error=ArtifactError,
        )
        _follow(path, sources, seen)
    return sources


def is_transfer(folder: Path) -> bool:
    """Whether a folder is that of a transfer study, and not of a run that took weights over."""
    try:
        record = read_json(folder / TRANSFER) if (folder / TRANSFER).is_file() else None
    except ArtifactError:
        return False
    return isinstance(record, dict) and "comparisons" in record


def _what(path: Path) -> str:
    """What a path is that was not asked for."""
    if path.is_dir():
        return "no such folder"
    return "a file" if path.exists() else "not there"


def _follow(folder: Path, sources: Sources, seen: set[Path]) -> None:
    """Sort a folder in, then those that its manifest links to."""
    key = folder.resolve()
    kind = sources.kind(folder)
    if key in seen or kind is None:
        return
    seen.add(key)
    if kind == "scene":
        sources.scenes.setdefault(key.name, folder)
    elif kind == "predicted scene":
        _follow(folder.parent, sources, seen)
    else:
        _list(kind, sources).append(folder)
    for role, link in _links(folder, kind, sources).items():
        target = folder / link
        if target.is_dir():
            _follow(target, sources, seen)
        else:
            sources.missing.append(
                f"{key.name}: the {role} folder it was made from ({hidden(str(link))}) is gone"
            )


def _list(kind: Kind, sources: Sources) -> list[Path]:
    return {
        "run": sources.runs,
        "prediction": sources.predictions,
        "data": sources.data,
        "scan": sources.scans,
        "study": sources.studies,
    }[kind]


def _links(folder: Path, kind: Kind, sources: Sources) -> dict[str, str]:
    """Folders that a folder was made from, by role; a scan has its own inside."""
    manifest = sources.manifest(folder)
    links = dict(manifest.links) if manifest is not None else {}
    if kind == "scan":
        links |= {name: name for name in ("data", "prediction") if (folder / name).is_dir()}
    return links
