"""Why a first call takes longer: what is compiled then, and kept for later ones, is told once."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WORTH_TELLING_S = 5.0
"""A command that compiles for so long says so."""

LOOK_S = 0.5
"""How often it is looked whether something compiles."""

REMARK = "compiling for this processor, once after an installation: it may take a minute or more"

_EVENTS, _KIND = "numba.core.event", "numba:compile"


@contextmanager
def told_of_compiling(say: Callable[[str], None]) -> Iterator[None]:
    """While this lasts, say :data:`REMARK` once if numba compiles for long.

    What a cache holds is not compiled. Numba is not loaded for it: it is waited for until somebody
    else has loaded it.
    """
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(say, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(say: Callable[[str], None], ended: threading.Event) -> None:
    clock = None
    while not ended.wait(LOOK_S):
        events: Any = sys.modules.get(_EVENTS)
        if clock is None and hasattr(events, "Listener"):  # defined after the functions
            clock = _clock(events)
            events.register(_KIND, clock)
        if clock is not None and clock.seconds() > WORTH_TELLING_S:
            say(REMARK)
            break
    if clock is not None:
        sys.modules[_EVENTS].unregister(_KIND, clock)


def _clock(events: Any) -> Any:
    """Seconds that were spent on compiling since it was registered, as numba's listeners are."""

    class Clock(events.Listener):
        def __init__(self) -> None:
            self._depth, self._begin_s, self._done_s = 0, 0.0, 0.0

        def on_start(self, event: Any) -> None:
            if self._depth == 0:
                self._begin_s = time.monotonic()
            self._depth += 1

        def on_end(self, event: Any) -> None:
            if self._depth == 0:
                return  # it had begun before anybody looked
            self._depth -= 1
            if self._depth == 0:
                self._done_s += time.monotonic() - self._begin_s

        def seconds(self) -> float:
            going_on = time.monotonic() - self._begin_s if self._depth else 0.0
            return self._done_s + going_on

    return Clock()
