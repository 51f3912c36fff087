"""A back end: scenes side by side in threads of this process, ``--backend threads``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from crossvox.flow.jobs import Carry, Job, Outcome, attempt


class Threads:
    """See :class:`crossvox.flow.jobs.Backend`."""

    def run(
        self, carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None = None
    ) -> Iterator[Outcome]:
        """One thread a worker; outcomes as they come. Threads share their memory: no budgets."""
        with ThreadPoolExecutor(workers) as pool:
            for done in as_completed([pool.submit(attempt, carry, job) for job in jobs]):
                yield done.result()


THREADS = Threads()
