"""Named parts that other packages may add to: readers, networks, scores, study arms, stages.

A part is added from outside this package by an entry point, which is loaded when the registry is
first asked::

    [project.entry-points."crossvox.readers"]
    my-scanner = "my_package.my_scanner:reader"

or by a call of :meth:`Registry.register` before it is needed. Either way no file of this package
changes. A part that has a name of its own (a score, an arm, a command) goes by that; any other by
the name of its entry point. An entry point that cannot be loaded is warned of, and left out: what
is broken in another package must not take the rest away.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from typing import Any, Generic, TypeVar

from crossvox.core.checks import ParamsError

T = TypeVar("T")


def entry_points(group: str) -> tuple[metadata.EntryPoint, ...]:
    """What installed packages add to a group."""
    return tuple(_installed(tuple(sys.path)).select(group=group))


@lru_cache(maxsize=1)
def _installed(paths: tuple[str, ...]) -> Any:
    """All entry points: looking through all packages again for each group would take longer than
    all else that begins a command.
    """
    del paths
    return metadata.entry_points()


class Registry(Generic[T]):
    """Parts of one kind by name, in the order that they were added.

    Attributes:
        kind: what a part is, for error texts: ``3D network``.
        group: name of the entry points that add parts: ``crossvox.networks``.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind, self.group = kind, group
        self._parts: dict[str, T] = {}
        self._looked = False

    def register(self, name: str, part: T) -> T:
        """Add a part, and return it.

        Raises:
            ParamsError: another part has this name.
        """
        if self._parts.setdefault(name, part) is not part:
            raise ParamsError(
                f"given: a second {self.kind} called {name!r}; needed: a name of its own; "
                f"do: rename one of the two"
            )
        return part

    def __getitem__(self, name: str) -> T:
        """The part of this name.

        Raises:
            ParamsError: there is none; the text names the nearest.
        """
        self._look()
        try:
            return self._parts[name]
        except KeyError:
            raise ParamsError(
                f"given: {self.kind} {name!r}; needed: one of {', '.join(self._parts)}; "
                f"do: {nearest(name, self._parts) or 'correct the name'}"
            ) from None

    def __contains__(self, name: object) -> bool:
        self._look()
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        self._look()
        return iter(tuple(self._parts))

    def __len__(self) -> int:
        self._look()
        return len(self._parts)

    def items(self) -> tuple[tuple[str, T], ...]:
        """Names and parts."""
        self._look()
        return tuple(self._parts.items())

    def values(self) -> tuple[T, ...]:
        """Parts."""
        return tuple(part for _, part in self.items())

    def _look(self) -> None:
        """Load what other packages add, once."""
        if not self._looked:
            self._looked = True
            for point in entry_points(group=self.group):
                try:
                    part = point.load()
                    own = getattr(part, "name", None)
                    self.register(own if isinstance(own, str) else point.name, part)
                except Exception as error:
                    text = f"entry point {point.name} of {self.group} is left out: {error}"
                    warnings.warn(text, stacklevel=3)


def nearest(name: str, names: object) -> str:
    """A question after the nearest of some names; empty where none is near.

    Example:
        >>> nearest("predcit", ["predict", "prepare"])
        "did you mean 'predict'?"
    """
    found = difflib.get_close_matches(name, list(names), n=1)  # type: ignore[call-overload]
    return f"did you mean {found[0]!r}?" if found else ""
