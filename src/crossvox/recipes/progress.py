"""How recipes tell what they are doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Report = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


class Progress(Protocol):
    """Somebody who watches a recipe."""

    def step(self, label: str) -> Report:
        """Begin a step; the answer is called as it goes on."""
        ...

    def say(self, text: str) -> None:
        """Tell something worth knowing that is no error."""
        ...


class Silent:
    """Nobody watches."""

    def step(self, label: str) -> Report:
        """Begin a step that nobody watches."""
        return lambda done, total: None

    def say(self, text: str) -> None:
        """Say it to nobody."""
