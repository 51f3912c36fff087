"""How work tells what it is doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Report = Callable[[int, int], None]
"""Called with how much is done, and of how much."""

Watch = Callable[[Any], None]
"""Called with :class:`crossvox.train.params.TrainProgress` while a network is trained."""

Begin = Callable[[str], None]
"""Called with the name of each part of a longer job as it begins, and with "" at its end."""


class Progress(Protocol):
    """Somebody who watches."""

    def whole(self, label: str, parts: Mapping[str, float | None]) -> Begin:
        """Begin a job of several parts, each with the seconds that it is expected to take.

        Args:
            label: what the job is called.
            parts: in their order; None where nobody knows how long one takes.
        """
        ...

    def step(self, label: str) -> Report:
        """Begin a step; the answer is called as it goes on. A finished step goes away."""
        ...

    def training(self, label: str = "train") -> Watch:
        """Begin a training; the answer is called with every step of it."""
        ...

    def say(self, text: str) -> None:
        """Tell something worth knowing that is no error."""
        ...


class Silent:
    """Nobody watches."""

    def whole(self, label: str, parts: Mapping[str, float | None]) -> Begin:
        """Begin a job that nobody watches."""
        return lambda name: None

    def step(self, label: str) -> Report:
        """Begin a step that nobody watches."""
        return lambda done, total: None

    def training(self, label: str = "train") -> Watch:
        """Begin a training that nobody watches."""
        return lambda state: None

    def say(self, text: str) -> None:
        """Say it to nobody."""
