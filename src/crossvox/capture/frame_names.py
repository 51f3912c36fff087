"""When frames of an exported capture were taken, and what their images were called: a file beside.

``frames.json`` lists number, time and name of the frames that tell either. What others made of the
frames of the original capture, label images above all, is called by these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from crossvox.core.artifact import write_json
from crossvox.core.params import read_as

FRAMES_FILE = "frames.json"


@dataclass(frozen=True)
class FrameName:
    """What one frame was called.

    Attributes:
        number: of the frame.
        time_s: when it was taken, seconds by the device's clock; None: nothing is told.
        file: name of its colour image, without the folder; None: it has no file of its own.
    """

    number: int
    time_s: float | None = None
    file: str | None = None

    @property
    def tells_more(self) -> bool:
        """Whether there is more than the number."""
        named = self.file is not None and Path(self.file).stem != str(self.number)
        return named or self.time_s is not None


@dataclass(frozen=True)
class FrameNames:
    """What the frames of a capture were called.

    Attributes:
        frames: those that tell a time or a name, by rising number.
    """

    frames: list[FrameName] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> FrameNames:
        """Those of an exported folder; none where its export told nothing.

        Raises:
            ArtifactError: the file is damaged.
        """
        path = folder / FRAMES_FILE
        if not path.is_file():
            return cls()
        return read_as(path, cls, needed="names and times of frames", do="prepare the scene again")

    def write(self, folder: Path) -> None:
        """Write them into an exported folder, where there are any."""
        if self.frames:
            write_json(folder / FRAMES_FILE, self)

    def times_s(self) -> dict[int, float]:
        """Times by number of the frame."""
        return {one.number: one.time_s for one in self.frames if one.time_s is not None}

    def stems(self) -> dict[str, int]:
        """Numbers by the name of the image without its ending; a name that two have is left out."""
        found: dict[str, int] = {}
        twice = set()
        for one in self.frames:
            if one.file is not None:
                stem = Path(one.file).stem
                twice |= {stem} & found.keys()
                found[stem] = one.number
        return {stem: number for stem, number in found.items() if stem not in twice}
