"""Open a capture of any supported format and look at its first posed frame.

python examples/00_look_at_a_capture.py CAPTURE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crossvox.capture import open_capture
from crossvox.core.camera import unproject


def main(path: Path) -> None:
    """Print cameras, poses and the extent of what the first frame sees."""
    capture = open_capture(path)
    info = capture.info()
    print(f"{capture.name}: {len(capture)} frames, {info.format}. {info.registration}")
    posed = [index for index in range(len(capture)) if capture.pose(index) is not None]
    print(f"{len(capture) - len(posed)} lost poses")
    frame = capture.frame(posed[0], size=(320, 240))
    assert frame.depth_m is not None
    assert frame.pose is not None
    points_m = frame.pose.apply(unproject(frame.depth_m, frame.camera)[frame.depth_m > 0])
    low, high = points_m.min(axis=0).round(2), points_m.max(axis=0).round(2)
    print(f"frame {frame.id} sees {len(points_m)} points from {low} to {high} m")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path, help="file or folder of any supported format")
    main(parser.parse_args().capture)
