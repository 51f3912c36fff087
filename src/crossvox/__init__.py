"""From posed RGB-D captures to labelled 3D rooms.

``import crossvox as cv`` gives what :mod:`crossvox.library` holds; it is imported when it is first
asked for.
"""

import os
from importlib import import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING

from crossvox.core.compiled import find_cache as _find_cache

if TYPE_CHECKING:
    from crossvox.library import (
        CaptureParams,
        PredictParams,
        PrepareParams,
        Room,
        RoomsParams,
        ScanParams,
        TsdfParams,
        evaluate_labels,
        evaluate_rooms,
        find_objects,
        fuse,
        models,
        open_capture,
        predict_rooms,
        prepare,
        scan,
        score_meshes,
        write_rooms,
    )

__version__ = "0.2.0"

# Threads that wait shall sleep, not spin: on a machine that is shared, spinning costs a training
# step many times what it saves on an idle one. OpenMP reads this when a library that uses it is
# loaded; whoever imports torch before this package has to set it himself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_find_cache(_Path(__file__).parent)

__all__ = [
    "CaptureParams",
    "PredictParams",
    "PrepareParams",
    "Room",
    "RoomsParams",
    "ScanParams",
    "TsdfParams",
    "__version__",
    "evaluate_labels",
    "evaluate_rooms",
    "find_objects",
    "fuse",
    "models",
    "open_capture",
    "predict_rooms",
    "prepare",
    "scan",
    "score_meshes",
    "write_rooms",
]


def __getattr__(name: str) -> object:
    """What the library holds (PEP 562); by name, since every room imports this package."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module("crossvox.library"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
