"""How long something will still take: by what its items took, or its parts are known to take."""

from __future__ import annotations

import time
from collections.abc import Mapping

AT_ONCE_S = 0.5
"""Items that are done so soon were there already: they tell nothing of how long others take."""


class Pace:
    """Of a step with items of one kind; what was there when it began does not count."""

    def __init__(self) -> None:
        self._begin_s = self._told_s = time.monotonic()
        self._there = 0
        self._left_s: float | None = None

    def move(self, done: int, total: int) -> None:
        """So many items are done now."""
        now = time.monotonic()
        if now - self._begin_s < AT_ONCE_S:
            self._begin_s, self._there = now, done
        elif done > self._there:
            each_s = (now - self._begin_s) / (done - self._there)
            self._left_s, self._told_s = each_s * (total - done), now

    def tell(self, left_s: float) -> None:
        """Somebody who knows better says what is left."""
        self._left_s, self._told_s = left_s, time.monotonic()

    def left_s(self) -> float | None:
        """Seconds to its end, from now; None where no item was made yet, or where it is late."""
        if self._left_s is None:
            return None
        left_s = self._left_s - (time.monotonic() - self._told_s)
        return left_s if left_s > 0 else None


class Parts:
    """Of a job of several parts.

    Args:
        parts: seconds that each of them is expected to take, in their order; None: nobody knows.

    Attributes:
        place: number of the part that is being done, from 0; at the end the number of parts.
    """

    def __init__(self, parts: Mapping[str, float | None]) -> None:
        self._names, self._seconds = list(parts), dict(parts)
        self._begin_s = time.monotonic()
        self.place = 0

    def begin(self, name: str) -> None:
        """A part begins; "" is the end of the last one."""
        self.place = self._names.index(name) if name in self._names else len(self._names)
        self._begin_s = time.monotonic()

    def left_s(self) -> float | None:
        """Seconds to its end, from now; None where a part is of unknown length, or it is late."""
        left = [self._seconds[name] for name in self._names[self.place :]]
        known = [seconds for seconds in left if seconds is not None]
        if not left or len(known) < len(left):
            return None
        left_s = max(0.0, known[0] - (time.monotonic() - self._begin_s)) + sum(known[1:])
        return left_s if left_s > 0 else None
