"""Packages that rows compare with: pinned in ``peers.txt``, installed apart into ``.peers``.

They stand behind everything else on the path of imports: none of them, nor what they depend on,
ever takes the place of a package that crossvox itself uses.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".peers"

_DISTRIBUTIONS = {"open3d": "open3d-cpu", "scenezoo": "scenezoo", "eval3r": "eval3r"}
HOW = "pip install --no-deps --target .peers -r benchmarks/peers.txt"


@dataclass(frozen=True)
class Peer:
    """A package to compare with, or why it is not there.

    Attributes:
        name: as it is imported.
        version: of its distribution; empty where it is missing.
        module: None where it is missing.
        why: what is missing, and what to do.
    """

    name: str
    version: str
    module: ModuleType | None
    why: str = ""

    @property
    def title(self) -> str:
        """Name and version, for texts."""
        return f"{self.name} {self.version}".strip()


def peer(name: str) -> Peer:
    """Import a peer, without a failure if that fails."""
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    try:
        module = importlib.import_module(name)
        version = metadata.version(_DISTRIBUTIONS.get(name, name))
    except (ImportError, OSError, metadata.PackageNotFoundError) as error:
        text = " ".join(str(error).split())
        why = f"{name} is missing ({text}); do: {HOW}"
        if "cannot open shared object" in text:
            why = f"{name} cannot be imported ({text}); do: install what benchmarks/peers.txt names"
        return Peer(name, "", None, why)
    return Peer(name, version, module)


def missing(stage: str, why: str, ours_s: float | None = None) -> dict[str, Any]:
    """A row without its baseline, that says why."""
    return {"stage": stage, "ours_s": ours_s, "baseline_s": None, "factor": None, "how": why}


def versions() -> dict[str, str]:
    """Versions of what times depend on, and of all peers that are there."""
    found = {}
    for name in ("numpy", "numba", "torch", "opencv-python-headless", "embreex", "simplejpeg"):
        found[name] = metadata.version(name)
    peers = [peer(name) for name in sorted(_DISTRIBUTIONS)]
    return {**found, **{p.name: p.version or "missing" for p in peers}}
