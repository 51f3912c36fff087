"""Streams whose reader goes away: ``crossvox --help | head -1`` is quiet, and work goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def give_up(stream: Any) -> None:
    """Send what is still to be written to a stream that nobody reads any more to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def printing() -> Iterator[None]:
    """Print to standard output, to the end or as far as somebody reads."""
    try:
        yield
    except BrokenPipeError:
        give_up(sys.stdout)
        raise SystemExit(0) from None
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            give_up(sys.stdout)
