#!/usr/bin/env bash
# Packages: PyAV 18.1.0, OpenCV 5.0.0, numpy 2.4.6
# One would swear: grey frames that are stored as grey by a lossless encoder come back as they were.
# What happens: by FFV1 and lossless H.265 they do. By lossless H.264 (x264 with `qp` 0) PyAV gives
#   frames that are off by up to 20, of 220 different values where 256 were written; OpenCV reads
#   likewise. Every byte is in the file: it says neither that it is grey nor that it uses all of
#   the range, so that the reader stretches 16 to 235 over it and cuts off the rest. The same frame
#   by its first plane, or a stream with `color_range` set to 2, is exact.
# Why it matters here: labels and confidences are stored as such videos since they are small. Class
#   numbers change by some, those under 17 all become 0, and pictures look as they should.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  av==18.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import av
import cv2
import numpy as np

labels = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def read_back(codec, options, full_range=False):
    """The first frame as grey, its first plane, and the first frame by OpenCV."""
    with av.open("labels.mkv", "w") as file:
        stream = file.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 256, 64, "gray"
        if full_range:
            stream.codec_context.color_range = 2
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(labels, format="gray")))
        file.mux(stream.encode())
    with av.open("labels.mkv") as file:
        frame = next(file.decode(video=0))
        plane = np.frombuffer(frame.planes[0], np.uint8).reshape(64, -1)[:, :256]
        grey = frame.to_ndarray(format="gray")
    video = cv2.VideoCapture("labels.mkv")
    _, picture = video.read()
    video.release()
    return grey, plane, picture[..., 0]


print("Expected: the 256 values that were written.")
held = True
cases = {
    "FFV1": ("ffv1", {}, False),
    "H.265": ("libx265", {"x265-params": "lossless=1:log-level=none"}, False),
    "H.264": ("libx264", {"qp": "0"}, False),
    "H.264, color_range 2": ("libx264", {"qp": "0"}, True),
}
for name, (codec, options, full_range) in cases.items():
    grey, plane, picture = read_back(codec, options, full_range)
    off, off_plane, off_cv = (
        int(abs(one.astype(int) - labels).max()) for one in (grey, plane, picture)
    )
    print(
        f"Seen: {name}: off by up to {off}, {len(np.unique(grey))} values; first plane by "
        f"{off_plane}; OpenCV by {off_cv}"
    )
    held &= off_plane == 0
    if name == "H.264":
        held &= off >= 16 and len(np.unique(grey)) < 225 and not grey[:, :17].any() and off_cv >= 16
    else:
        held &= off == 0
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
