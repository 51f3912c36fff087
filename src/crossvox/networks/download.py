"""Weights that a library downloads: from its cache, from the net, or a clear word soon."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from crossvox.core.checks import CheckpointError

PATIENCE_S = 2.0
"""How long a server may take to answer at all."""


@contextmanager
def downloading(what: str) -> Iterator[None]:
    """A block in which weights may be downloaded.

    The hub's client tries for most of a minute where there is no connection. It is therefore asked
    once whether there is one; if not, only what lies in its cache is used.

    Args:
        what: what is wanted, for the error's text.

    Raises:
        CheckpointError: neither in the cache nor to be had.
    """
    from huggingface_hub import constants

    asked = constants.HF_HUB_OFFLINE
    try:
        # The client looks at this at every request.
        constants.HF_HUB_OFFLINE = asked or not reachable(constants.ENDPOINT)
        yield
    except OSError as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"given: {what}, which could not be downloaded ({first[:200]}); needed: a network "
            f"connection, or a copy in the library's cache; do: connect, or pass --task.weights "
            f"auto (what comes with a package) or none"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = asked


def reachable(url: str, patience_s: float = PATIENCE_S) -> bool:
    """Whether a server answers, whatever it says; looking up its name counts into the time."""
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=patience_s).close()
        except urllib.error.HTTPError:
            pass
        except (OSError, ValueError):
            return
        answered.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience_s)
    return answered.is_set()
