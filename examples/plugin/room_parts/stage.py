"""A stage and its command: ``crossvox count-frames CAPTURE OUT``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import write_json
from crossvox.flow.jobs import Outcome
from crossvox.flow.runner import Runner, Work
from crossvox.flow.stage import Input, Stage
from crossvox.recipes.commands import Command


@dataclass(frozen=True)
class CountFrames(Stage):
    NAME = "count-frames"

    capture: Input
    every: int

    def make(self, work: Work) -> dict[str, Any]:
        from crossvox.capture import open_capture  # heavy: not before there is work

        frames = -(-len(open_capture(self.capture.path)) // self.every)
        write_json(work.out / "count.json", frames)
        return {"frames": frames}


def count(capture: Path, out: Path, *, every: int = 1, runner: Runner | None = None) -> Outcome:
    """Count the frames of a capture.

    Args:
        capture: a capture in any format that can be read.
        out: folder that receives count.json.
        every: count every n-th frame.
    """
    return (runner or Runner()).make(CountFrames(Input.files(capture), every), out)


COMMAND = Command("count-frames", "room_parts.stage:count", "how many frames a capture has")
