"""The smallest world that every long command works in, and the commands as they are tried."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE = ("--width", "64", "--height", "48")
TRAIN = (
    *("--train.steps", "4", "--train.batch-size", "1", "--train.no-tensorboard"),
    *("--train.save-every", "2", "--validation-scenes", "none"),
)
NETWORK = (
    *("--task.width", "4", "--task.depth", "1", "--chunks.per-scene", "2"),
    *("--chunks.shape", "16", "16", "16", "--views.width", "64", "--views.height", "48"),
)
COMPLETE = (
    *("--task.network.width", "4", "--task.network.depth", "1", "--sparse.shape", "16", "16", "16"),
    *("--scenes", "all"),
)
THESIS = ("train", "reconstruct", "--preset", "thesis")
IMAGES = ("--images.width", "64", "--images.height", "48", "--task.network", "enet")
STRIDE = ("--stride", "16", "16", "16")
EXPORT = (*NETWORK[4:], "--chunks.require-views", "1", "--no-clean")

BASE: tuple[tuple[str, ...], ...] = (
    ("rooms", "raw", "--count", "3", "--frames", "4", *IMAGE),
    ("prepare", "raw", "data", "--frame-skip", "1", *IMAGE, "--workers", "1"),
    (*THESIS, "data", "run", *TRAIN, *NETWORK),
    ("train", "reconstruct", "data", "whole", *TRAIN, *COMPLETE),
    ("predict", "run", "data", "pred", *STRIDE, "--scenes", "all"),
    ("export", "hdf5", "data", "files", *EXPORT, "--split", "train"),
)
"""What makes the world; each word that names a folder here is one of it."""


@dataclass(frozen=True)
class Trial:
    """A command that is killed.

    Attributes:
        words: its command line, in the folder of a world.
        out: what it writes, as a pattern of paths in the world.
        workers: whether it has worker processes, which are killed alone, too.
    """

    words: tuple[str, ...]
    out: str = "OUT"
    workers: bool = False


ROOMS = ("--count", "2", "--frames", "2", *IMAGE)

TRIALS: dict[str, Trial] = {
    "rooms": Trial(("rooms", "OUT", *ROOMS)),
    "prepare": Trial(
        ("prepare", "raw", "OUT", "--frame-skip", "1", *IMAGE, "--workers", "2"), workers=True
    ),
    "train reconstruct": Trial(("train", "reconstruct", "data", "OUT", *TRAIN, *COMPLETE)),
    "train thesis": Trial((*THESIS, "data", "OUT", *TRAIN, *NETWORK)),
    "train segment2d": Trial(("train", "segment2d", "data", "OUT", *TRAIN, *IMAGES)),
    "predict": Trial(("predict", "run", "data", "OUT", *STRIDE, "--scenes", "all")),
    "complete": Trial(("predict", "whole", "data", "OUT", "--scenes", "all")),
    "evaluate": Trial(
        ("evaluate", "reconstruct", "pred", "data", "--seen-scenes"), out="pred"
    ),
    "scan": Trial(
        ("scan", "raw/scene0000_00", "OUT", "--run", "run", *IMAGE, "--up", "0", "0", "1",
         "--predict.stride", "16", "16", "16")
    ),
    "study": Trial(
        ("study", "reconstruct", "data", "OUT", "--arms", "rgb", "--seeds", "1",
         "--training-scenes", "scene0000_00,scene0001_00", "--held-out-scenes", "scene0002_00",
         *(f"--run.{word[2:]}" if word.startswith("--") else word for word in NETWORK),
         "--run.train.steps", "4", "--run.train.batch-size", "1", "--run.train.no-tensorboard",
         "--run.train.save-every", "2", "--predict.stride", "16", "16", "16")
    ),
    "export hdf5": Trial(("export", "hdf5", "data", "OUT", *EXPORT)),
    "report": Trial(
        ("report", "pred", "OUT", "--max-scenes", "1", "--sample-frames", "1",
         "--picture-width-px", "160", "--view-faces", "1000")
    ),
    "import hdf5": Trial(("import", "hdf5", "files/train.hdf5", "OUT", "--frames", "data")),
}  # fmt: skip
