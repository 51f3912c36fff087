"""Items as tasks of a Ray cluster, see :mod:`crossvox.flow.ray_cluster`.

Every item is one task. What a node that dies was at work on is made by another one; an exception of
an item, or a worker that is killed, costs that item alone.
"""

from __future__ import annotations

import importlib
import os
import platform
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import crossvox
from crossvox.core.artifact import digest
from crossvox.core.checks import ArtifactError, expect
from crossvox.flow import locks
from crossvox.flow.folder import recover
from crossvox.flow.jobs import LOOKS as MEMORY_LOOKS
from crossvox.flow.jobs import Carry, Job, Outcome, too_much
from crossvox.flow.ray_cluster import Node, connected, expect_room, library, machines, share_of
from crossvox.flow.worker import POOLS

NODES_LOST = 5
"""An item is made anew on another node this often; then it is what kills its nodes."""

LET_GO_S = 120.0
"""So long a new try waits for the lock that a dead node held: file servers keep it for a while."""

KILLED = (
    "the worker process was killed or crashed; a lack of memory is the usual reason (the logs of "
    "that machine's Ray tell more)"
)

GRACE_S = 10.0
"""Tasks that are cancelled have so long to clean up."""

LOOKS = 10
"""A machine that does not see a folder is asked so many times in all, every half a second."""


def run_on_ray(
    carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None
) -> Iterator[Outcome]:
    """See :class:`crossvox.flow.jobs.Backend`.

    Raises:
        CrossvoxError: Ray is missing, there is no such cluster, or none of its nodes has room.
        ArtifactError: a node does not see the folder of items, or has another version.
    """
    ray = library()
    if not jobs:
        return
    with connected(ray), _token(jobs) as token:
        nodes = machines(ray)
        share = share_of([node.cpus for node in nodes], min(workers or len(jobs), len(jobs)))
        needs = {"num_cpus": share, "max_retries": 0, **_devices(jobs)}
        if memory is not None:
            needs["memory"] = memory
        expect_room(nodes, needs)
        asked = {**_asked(jobs, token), "memory": memory}
        _expect_ready(ray, nodes, asked)
        tasks = _Tasks(ray, carry, needs, {**asked, "share": share})
        try:
            yield from tasks.outcomes(jobs, workers)
        finally:
            tasks.stop()


class _Tasks:
    """Tasks in flight, and what becomes of them."""

    def __init__(self, ray: Any, carry: Carry, needs: dict[str, Any], asked: dict[str, Any]):
        self._ray, self._carry, self._asked = ray, carry, asked
        self._task = ray.remote(**needs)(_functions()[1])
        self._flying: dict[Any, tuple[Job, int]] = {}

    def outcomes(self, jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
        """Carry out all jobs, ``workers`` at once; 0: as many as there is room for."""
        waiting = [(job, 0) for job in reversed(jobs)]
        while waiting or self._flying:
            while waiting and (workers == 0 or len(self._flying) < workers):
                self._begin(*waiting.pop())
            done, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=1.0)
            for task in done:
                job, lost = self._flying.pop(task)
                outcome = self._outcome(task, job, lost)
                if outcome is None:
                    waiting.append((job, lost + 1))
                else:
                    yield outcome

    def stop(self) -> None:
        """Cancel what is in flight, and clean up what it could not clean up itself."""
        flying, self._flying = self._flying, {}
        for force, grace_s in ((False, GRACE_S), (True, GRACE_S / 2)):
            for task in flying:
                with suppress(Exception):  # the cluster may be gone, and the others go on
                    self._ray.cancel(task, force=force)
            if flying:
                with suppress(Exception):
                    ended, _ = self._ray.wait(
                        list(flying), num_returns=len(flying), timeout=grace_s
                    )
                    if not force:
                        flying = {t: given for t, given in flying.items() if t not in ended}
        for job, _ in flying.values():
            _clear(job)

    def _begin(self, job: Job, lost: int) -> None:
        payload = self._ray.cloudpickle.dumps((self._carry, job))
        asked = {
            **self._asked,
            "patience_s": LET_GO_S if lost else 0.0,
            "last_words": str(self._last_words(job) or ""),
        }
        self._flying[self._task.options(name=job.item).remote(payload, asked)] = (job, lost)

    def _last_words(self, job: Job) -> Path | None:
        """A file that a worker leaves before it ends itself."""
        token: Path | None = self._asked["token"]
        return token and token.with_name(f"{token.name}.{digest(job.item)}")

    def _why(self, job: Job) -> str:
        """Why a worker has died."""
        words = self._last_words(job)
        if words is not None and words.is_file():
            words.unlink()
            return too_much(self._asked["memory"])
        return KILLED

    def _outcome(self, task: Any, job: Job, lost: int) -> Outcome | None:
        """What became of a job; None: nothing, since its node died."""
        known = self._ray.exceptions
        try:
            given = self._ray.get(task)
            if isinstance(given, Outcome):
                return given
            text = str(given)
        except known.NodeDiedError as error:
            if lost < NODES_LOST:
                return None
            text = f"{lost + 1} machines died while they were at work on it ({_first(error)})"
        except known.OutOfMemoryError as error:
            text = f"the worker process was killed: its machine ran out of memory ({_first(error)})"
            _clear(job)
        except known.WorkerCrashedError:
            text = self._why(job)
            _clear(job)
        except known.RayError as error:
            text = f"{type(error).__name__}: {_first(error)}"
        return Outcome(job.item, "failed", error=text)


def _clear(job: Job) -> None:
    """Put right what a killed worker left of an item, unless another process is at work on it."""
    if job.folder.parent.is_dir():
        with locks.taken(job.folder.parent, job.item) as mine:
            if mine:
                recover(job.folder)


def _first(error: Exception) -> str:
    """The first line of what Ray says."""
    return str(error).strip().split("\n")[0]


def _functions() -> tuple[Callable[..., str], Callable[..., Any]]:
    """What runs on workers: whether one is fit, and a job.

    Local functions travel as code: they run, and tell what is wrong, where this package is missing.
    What they need is imported inside.
    """

    def look(asked: dict[str, Any]) -> str:
        """What keeps this machine from working along; empty: nothing."""
        import os
        import platform
        import time

        if os.path.isdir(asked["cwd"]):
            os.chdir(asked["cwd"])
        python = ".".join(platform.python_version_tuple()[:2])
        try:
            import crossvox

            there = f"crossvox {crossvox.__version__}, Python {python}"
        except ImportError as error:
            there = f"Python {python} without crossvox ({error})"
        if there != asked["versions"]:
            return f"has {there}"
        for path in asked["paths"]:
            for _ in range(asked["looks"]):  # what is new is seen late over a network
                if os.path.lexists(path):
                    break
                time.sleep(0.5)
            else:
                return f"does not see {asked['shown'].get(path, path)}"
        return ""

    def work(payload: bytes, asked: dict[str, Any]) -> Any:
        """The outcome of a job, or why it was not begun."""
        import os
        import pickle
        import time

        # Libraries read the number of their threads when they are loaded.
        os.environ.update(dict.fromkeys(asked["pools"], str(asked["share"])))
        unfit = look(asked)
        if unfit:
            return f"the machine that was to make it {unfit}"
        from crossvox.flow.jobs import attempt
        from crossvox.flow.on_ray import within_budget

        carry, job = pickle.loads(payload)
        until = time.monotonic() + asked["patience_s"]
        with within_budget(asked["memory"], asked["last_words"]):
            outcome = attempt(carry, job)
            while outcome.status == "elsewhere" and time.monotonic() < until:
                time.sleep(0.2)
                outcome = attempt(carry, job)
        return outcome

    return look, work


@contextmanager
def within_budget(memory: int | None, last_words: str) -> Iterator[None]:
    """End this process, on a worker, if it takes more memory than its budget.

    Args:
        memory: bytes; None: no limit.
        last_words: a file that tells the other end why; empty: none.
    """
    if memory is None:
        yield
        return
    import psutil

    me, done = psutil.Process(), threading.Event()

    def watch() -> None:
        while not done.wait(1 / MEMORY_LOOKS):
            if me.memory_info().rss > memory:
                with suppress(OSError):
                    Path(last_words).touch()
                me.kill()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _asked(jobs: Sequence[Job], token: Path | None) -> dict[str, Any]:
    """What workers must see and have."""
    inputs = {str(given.path) for job in jobs[:1] for given in job.stage.inputs.values()}
    shown = {} if token is None else {str(token): f"{token.parent.parent}, which is written to"}
    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "token": token,
        "cwd": os.getcwd(),
        "looks": LOOKS,
        "versions": f"crossvox {crossvox.__version__}, Python {python}",
        "paths": [*shown, *sorted(inputs)],
        "shown": shown,
        "pools": POOLS,
    }


def _expect_ready(ray: Any, nodes: Sequence[Node], asked: dict[str, Any]) -> None:
    """Ask every node whether it sees the folders and has the same versions."""
    affine = importlib.import_module(
        "ray.util.scheduling_strategies"
    ).NodeAffinitySchedulingStrategy
    look = ray.remote(num_cpus=0, max_retries=0)(_functions()[0])
    tasks = {
        look.options(scheduling_strategy=affine(node.key, soft=False)).remote(asked): node
        for node in nodes
    }
    ray.wait(list(tasks), num_returns=len(tasks), timeout=60.0)
    unfit = {}
    for task, node in tasks.items():
        # A node that dies or is slow to answer now is asked again with every item.
        with suppress(ray.exceptions.RayError):
            unfit[node.host] = ray.get(task, timeout=0.1)
    told = [f"{host} {text}" for host, text in unfit.items() if text]
    expect(
        not told,
        given=f"a Ray cluster of {len(nodes)} machines, of which {'; '.join(told[:5])}",
        needed=f"{asked['versions']} and the same folders under the same paths on all machines",
        do="name folders on a disk that all machines see, and install the same on all of them",
        error=ArtifactError,
    )


def _devices(jobs: Sequence[Job]) -> dict[str, int]:
    """A GPU for a stage that computes on one; Ray hides them from tasks that ask for none."""
    device = str(getattr(jobs[0].stage, "device", ""))
    return {"num_gpus": 1} if device.startswith("cuda") else {}


@contextmanager
def _token(jobs: Sequence[Job]) -> Iterator[Path | None]:
    """A new lock in the folder of items: who sees its file, sees the folder."""
    shared = Path(os.path.commonpath([job.folder.absolute().parent for job in jobs]))
    # Items may have folders of their own in between, which are not there yet.
    folder = next((path for path in (shared, *shared.parents[:2]) if path.is_dir()), None)
    if folder is None:
        yield None
        return
    name = f"ray-{uuid.uuid4().hex[:8]}"
    with locks.shared(folder, name):
        yield next((folder / locks.FOLDER).glob(f"{name}.*"))
