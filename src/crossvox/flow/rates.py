"""How long stages took on this machine, so that it can be told how long they will take.

A convenience: a file in the user's cache folder, one number a stage. What cannot be read or written
is as if it had not been recorded.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from crossvox.core.artifact import json_text, replacing

_LONGEST = 1e12
"""Seconds that nothing takes: what is said to take longer was never measured."""

_NEWEST = 0.3
"""Weight of the newest time in the mean."""


def rates_file() -> Path:
    """Where rates are recorded: ``$XDG_CACHE_HOME/crossvox/rates.json``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "crossvox" / "rates.json"


def record_rate(stage: str, seconds: float, size: float) -> None:
    """Remember how long a unit of a stage took."""
    if size <= 0:
        return
    rates = _read()
    rate = seconds / size
    rates[stage] = rate if stage not in rates else (1 - _NEWEST) * rates[stage] + _NEWEST * rate
    try:
        with replacing(rates_file(), flushed=False) as temporary:
            temporary.write_text(json_text(rates), encoding="utf-8")
    except OSError:
        return


def foretell(stage: str, size: float) -> float | None:
    """Seconds that work of this size will take; None where no rate was recorded."""
    rate = _read().get(stage)
    return None if rate is None else rate * size


def _read() -> dict[str, float]:
    try:
        found = json.loads(rates_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # too deep is a RuntimeError
        return {}
    if not isinstance(found, dict):
        return {}
    rates = {name: rate for name, rate in found.items() if isinstance(rate, int | float)}
    return {name: float(rate) for name, rate in rates.items() if 0 <= rate < _LONGEST}
