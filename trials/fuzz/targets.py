"""What is tried: for each target, small valid files, and the code that reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.checks import CrossvoxError
from trials.fuzz import captures, phones
from trials.fuzz.captures import Maker, read_capture

SAMPLES = captures.SAMPLES | phones.SAMPLES
"""Smallest captures of every format, by the reader's name."""


@dataclass(frozen=True)
class Target:
    """One kind of file and its reader.

    Attributes:
        name: of the target.
        make: writes small valid files into a folder.
        read: reads that folder as the package does; raises a ``CrossvoxError`` where it is damaged.
        damaged: endings of the files that are damaged; none: all.
        spared: parts of names of files that are not.
        share: of the inputs, compared with other targets.
        written: files that reading changes.
        resident: whether memory counts that is used, not what is asked for: HDF5's library asks
            for what a damaged heap says, and gives it back unused when it finds the file shorter.
        before: what the package does with such a folder before it reads it, of its own accord, in
            case a library crashes: it must refuse what reading here crashes on.
    """

    name: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    damaged: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    share: float = 1
    written: tuple[str, ...] = ()
    resident: bool = False
    before: Callable[[Path], object] | None = None

    def is_damaged(self, name: str) -> bool:
        """Whether a file of the sample is damaged."""
        fits = not self.damaged or name.endswith(self.damaged)
        return fits and not any(part in name for part in self.spared)


def in_turn(*reads: Any) -> None:
    """All of them, whatever the others say; then the first error."""
    problems = []
    for read in reads:
        try:
            read()
        except CrossvoxError as error:
            problems.append(error)
    if problems:
        raise problems[0]


def capture_targets() -> list[Target]:
    """One for each sample of each reader that there is."""
    from crossvox.capture.formats import READERS

    found = []
    for reader in READERS:
        for number, maker in enumerate(SAMPLES.get(reader, ())):
            name = f"capture {reader}" + (f" {number + 1}" if number else "")
            found.append(Target(name, maker, _opened(maker), share=4 if reader == "scannet" else 3))
    return found


def unsampled_readers() -> list[str]:
    """Readers that give no sample."""
    from crossvox.capture.formats import READERS

    return [reader for reader in READERS if reader not in SAMPLES]


def _opened(maker: Maker) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        # A capture is a folder, or a file alone.
        inside = sorted(folder.iterdir(), key=lambda path: path.is_file())
        read_capture(inside[0])

    return read


def all_targets() -> dict[str, Target]:
    """Every target by name."""
    from trials.fuzz import arrays, learnt, records, robots, surfaces

    found = capture_targets()
    for module in (records, arrays, surfaces, learnt, robots):
        found += module.TARGETS
    return {target.name: target for target in found}
