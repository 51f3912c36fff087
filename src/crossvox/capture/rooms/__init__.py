"""Generated rooms: furnished, lit, filmed by a hand-held camera, written as ScanNet raw scans.

A room is laid out (``layout``) with furniture and small things (``furniture``, ``clutter``) that
are built from ``shapes``, turned into one mesh with light on its vertices (``light``), filmed along
a walk (``camera_path``, ``frames``, ``film``; the kernels are in ``shading``,
``texture`` and ``sensor``) and written (``write``).
"""

from __future__ import annotations

from crossvox.capture.rooms.params import RoomReport, RoomsParams, RoomsReport

__all__ = ["RoomReport", "RoomsParams", "RoomsReport"]
