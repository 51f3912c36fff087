#!/usr/bin/env bash
# Packages: av 18.1.0, opencv-python-headless 5.0.0.93, imageio 2.38.1, imageio-ffmpeg 0.6.0,
#   numpy 2.4.6
# One would swear: libraries that all read a video by FFmpeg give the same pixels of it, in the
#   same order.
# What happens: of a video with a rotation in its header, as phones write it, OpenCV and imageio
#   (by its FFMPEG plugin) turn the frames upright, PyAV and imageio (by its pyav plugin) do not:
#   one imageio call gives 48 x 64 or 64 x 48 by the plugin that happens to be installed. PyAV and
#   OpenCV also tell the angle in opposite senses: 90 by the one is 270 by the other.
# Why it matters here: intrinsics and depth of a phone capture belong to the sensor's own, lying
#   frame. Read by one library a capture is right; by another, width and height of the colour no
#   longer fit the camera matrix, and where an image is square nothing even looks amiss.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 \
  opencv-python-headless==5.0.0.93 imageio==2.38.1 imageio-ffmpeg==0.6.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - 2>/dev/null <<'PY'
import subprocess

import av
import cv2
import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np

WIDTH, HEIGHT = 64, 48
image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
image[: HEIGHT // 2, : WIDTH // 2, 0] = 255  # red at the sensor's upper left
with av.open("lying.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=30)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    for _ in range(3):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    file.mux(stream.encode())
turn = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90"]
subprocess.run([*turn, "-i", "lying.mp4", "-c", "copy", "phone.mp4"], check=True)

with av.open("phone.mp4") as file:
    frame = next(file.decode(video=0))
video = cv2.VideoCapture("phone.mp4")
seen = {
    "PyAV": frame.to_ndarray(format="rgb24"),
    "OpenCV": video.read()[1][..., ::-1],
    "imageio, plugin pyav": iio.imread("phone.mp4", plugin="pyav", index=0),
    "imageio, plugin FFMPEG": iio.imread("phone.mp4", plugin="FFMPEG", index=0),
}
print("Expected: one and the same picture, of one size.")
corner = {}
for name, pixels in seen.items():
    rows, columns = np.nonzero(pixels[..., 0] > 128)
    upper = "upper" if rows.mean() < pixels.shape[0] / 2 else "lower"
    left = "left" if columns.mean() < pixels.shape[1] / 2 else "right"
    corner[name] = (pixels.shape[:2], f"{upper} {left}")
    print(f"Seen: {name}: {pixels.shape[1]} x {pixels.shape[0]}, red at the {upper} {left}")
angles = frame.rotation, video.get(cv2.CAP_PROP_ORIENTATION_META)
print(f"Seen: angle by PyAV {angles[0]}, by OpenCV {angles[1]:.0f}")
lying, upright = ((HEIGHT, WIDTH), "upper left"), ((WIDTH, HEIGHT), "lower left")
held = corner["PyAV"] == corner["imageio, plugin pyav"] == lying
held = held and corner["OpenCV"] == corner["imageio, plugin FFMPEG"] == upright
held = held and angles[0] == 90 and angles[1] == 270
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
