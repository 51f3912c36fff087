"""A Ray cluster: joined where there is one, else started here; its machines, and their room.

A cluster is joined where ``RAY_ADDRESS`` names one, or one was started on this machine; it stays.
Where there is none, one is started with the cores of this process, and ended with the work.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.checks import CrossvoxError, expect
from crossvox.core.threads import threads

_SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Ray reports nothing of its use, and warns of none of its own plans."""

ANSWER_S = 5.0
"""A cluster that does not answer for so long is not there."""

_STORE_BYTES = 80 * 2**20  # Outcomes are small: the least that Ray takes.
_PATH_LENGTH = 30  # Sockets lie below the folder of a cluster, and may have 107 signs in all.


def library() -> Any:
    """The package ``ray``.

    Raises:
        CrossvoxError: it is not installed.
    """
    with _environment(**_SILENT):
        try:
            return importlib.import_module("ray")
        except ImportError as error:
            raise CrossvoxError(
                f"given: the back end ray, without Ray ({error}); needed: Ray on every machine "
                f"that works along; do: pip install 'crossvox[ray]'"
            ) from None


def share_of(cpus: Sequence[int], workers: int) -> int:
    """Threads of each worker: the most with which the nodes have room for all of them at once.

    Args:
        cpus: of every node.
        workers: how many there shall be.
    """
    shares = range(max(cpus, default=1), 1, -1)
    return next((s for s in shares if sum(count // s for count in cpus) >= workers), 1)


@dataclass(frozen=True)
class Node:
    """A machine of a cluster that tasks may run on.

    Attributes:
        key: Ray's name of it.
        host: its own name.
        cpus: cores for tasks.
        resources: everything that it has, by kind.
    """

    key: str
    host: str
    cpus: int
    resources: dict[str, float]


def machines(ray: Any) -> list[Node]:
    """Machines that have cores for tasks."""
    return [
        Node(
            node["NodeID"],
            node["NodeManagerHostname"],
            int(node["Resources"].get("CPU", 0)),
            node["Resources"],
        )
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
    ]


_NAMES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}


def expect_room(nodes: Sequence[Node], needs: dict[str, Any]) -> None:
    """Refuse work that would wait for ever."""
    asked = {kind: needs[option] for option, kind in _NAMES.items() if option in needs}
    fits = any(
        all(node.resources.get(kind, 0) >= count for kind, count in asked.items()) for node in nodes
    )
    words = ", ".join(
        f"{count / 10**9:.1f} GB of memory" if kind == "memory" else f"{count} {kind}"
        for kind, count in asked.items()
    )
    expect(
        fits,
        given=f"a Ray cluster of {len(nodes)} machines with cores, none of which has {words}",
        needed="a machine with room for one worker",
        do="ask for less (--memory, --device), or add a machine to the cluster",
    )


@contextmanager
def connected(ray: Any) -> Iterator[None]:
    """Join the cluster that there is, or start one; what is started here ends here."""
    if ray.is_initialized():
        yield
        return
    temporary = tempfile.gettempdir()
    short = temporary if len(temporary) <= _PATH_LENGTH else "/tmp"
    with (
        tempfile.TemporaryDirectory(
            prefix="cv-ray-", dir=short, ignore_cleanup_errors=True
        ) as folder,
        _quietly(),
        _environment(**_SILENT),
    ):
        try:
            with signals_kept():
                if not _join(ray):
                    _start(ray, folder)
            yield
        finally:
            ray.shutdown()


def _join(ray: Any) -> bool:
    """Join a cluster; False: none is named, and none was started on this machine."""
    address = _address()
    if not address:
        return False
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise CrossvoxError(
            f"given: a Ray cluster at {address} that cannot be joined ({str(error).strip()}); "
            f"needed: one with the same Ray and Python; do: install the same on all machines"
        ) from None
    return True


def _address() -> str:
    """Where a cluster is: named by the environment, or by the last ``ray start`` of this machine.

    One that another command started for itself is not joined: it ends with that command. Whether
    somebody answers is asked here: Ray itself waits for minutes.
    """
    named = os.environ.get("RAY_ADDRESS", "")
    expect(
        "://" not in named,
        given=f"RAY_ADDRESS={named}",
        needed="the address of a cluster that this machine is part of: HOST:PORT, or auto",
        do="run the command on a machine of the cluster (ray start --address HOST:PORT)",
    )
    found = named if named not in ("", "auto") else _last_started()
    there = _answers(found)
    expect(
        there or not named,
        given=f"RAY_ADDRESS={named}, where no Ray cluster answers",
        needed="a cluster that runs",
        do="start one (ray start --head), or unset RAY_ADDRESS: one is started for the command",
    )
    return found if there else ""


def _last_started() -> str:
    """The address that ``ray start`` leaves on a machine, whether or not anybody is there still."""
    places = (os.environ.get("RAY_TMPDIR"), os.environ.get("TMPDIR"), "/tmp")
    folder = Path(next(place for place in places if place))
    try:
        return (folder / "ray" / "ray_current_cluster").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _start(ray: Any, folder: str) -> None:
    ray.init(
        address="local",
        num_cpus=threads(),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_STORE_BYTES,
        _temp_dir=folder,
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to ourselves what nodes say of dead workers.

    Ray writes it to standard output, among our tables, whatever it is told.
    """
    inner: Any = importlib.import_module("ray._private.worker")
    before = getattr(inner, "print_to_stdstream", None)
    inner.print_to_stdstream = _nothing
    try:
        yield
    finally:
        inner.print_to_stdstream = before


@contextmanager
def signals_kept() -> Iterator[None]:
    """Keep the handler of SIGTERM: Ray sets its own, which ends the process at once."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:  # that handler, while Ray connects
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)


def _nothing(*_: Any, **__: Any) -> None:
    """Prints nothing."""


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set what is not set in the environment, for a while."""
    mine = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)
