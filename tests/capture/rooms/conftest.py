"""A generated room that several tests look at."""

from __future__ import annotations

import pytest

from crossvox.capture.rooms import RoomsParams
from crossvox.capture.rooms.scan import Scan, prepare_scan


@pytest.fixture(scope="session")
def scan() -> Scan:
    """One room ready to be filmed."""
    params = RoomsParams(
        seed=5, frames=30, width=160, height=120, spacing_m=0.06, clutter=0, dark=0
    )
    return prepare_scan(params, 2, threads=2)
