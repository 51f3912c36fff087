"""A room in 3D as a recording for rerun's viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.checks import ParamsError, expect
from crossvox.flow.progress import Progress, Silent

if TYPE_CHECKING:
    from crossvox.report.view.recording import RecordingReport


def export_rerun(
    path: Path,
    out: Path,
    *,
    scene: str | None = None,
    data: Path | None = None,
    faces: int = 100_000,
    frames: int = 200,
    progress: Progress | None = None,
) -> RecordingReport:
    """Write a room as a recording of rerun: all layers, class names, objects, frames with poses.

    Look at it with: rerun OUT. What 'crossvox view' shows is in it, a mesh a layer.

    Args:
        path: a prediction, scan or prepared data folder, one scene of it, or a PLY mesh.
        out: the file, NAME.rrd; a recording of before is replaced.
        scene: which scene; by default the first one predicted.
        data: prepared scenes, where the prediction's own are not where they were.
        faces: triangles that a surface is thinned to.
        frames: so many frames are written at most, spread over the capture.
        progress: who watches.

    Raises:
        ArtifactError: no such folder or scene, or OUT holds something else.
        CaptureError: a mesh that cannot be read, or without faces.
        ParamsError: rerun is not installed, or a value makes no sense.
    """
    from crossvox.doors.recordings import imported
    from crossvox.report.look import open_view
    from crossvox.report.view.recording import expect_recording, write_recording

    expect(
        faces > 0 and frames >= 0,
        given=f"{faces} triangles and {frames} frames",
        needed="a positive number of triangles, and no negative number of frames",
        do="correct --faces or --frames",
        error=ParamsError,
    )
    expect_recording(out)
    imported()
    progress = progress or Silent()
    room = open_view(path, scene, data, shots=frames)
    for line in room.missing:
        progress.say(f"not here: {line}")
    written = write_recording(room, out, max_faces=faces)
    progress.say(f"recording of {room.title}: {out} ({written.size_bytes / 1e6:.1f} MB)")
    return written
