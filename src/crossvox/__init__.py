"""From posed RGB-D captures to labelled 3D rooms."""

from pathlib import Path as _Path

from crossvox.core.compiled import find_cache as _find_cache

__version__ = "0.1.0"

_find_cache(_Path(__file__).parent)
