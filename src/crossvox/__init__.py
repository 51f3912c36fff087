"""From posed RGB-D captures to labelled 3D rooms."""

__version__ = "0.1.0"
