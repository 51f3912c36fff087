#!/usr/bin/env bash
# Packages: av 18.1.0, opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: the time that OpenCV tells of a frame is the one that the file has for it, as
#   PyAV tells it.
# What happens: CAP_PROP_POS_MSEC counts from the first frame of the video, in MP4 and Matroska
#   alike. A stream that starts half a second into its file starts at 0, and to go to 600 ms gives
#   the frame of 1100 ms; PyAV gives the times of the file. OpenCV knows better: CAP_PROP_PTS of the
#   very frame that it puts at 0 ms is 15, in frames of 1/30 s.
# Why it matters here: a capture of two cameras, or of video and sound or IMU, is put on one clock
#   by just this delay. Frames are paired with the depth and the poses of half a second earlier,
#   and only for the files whose video happens to start late.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - 2>/dev/null <<'PY'
from fractions import Fraction

import av
import cv2
import numpy as np

TICK, START_S, COUNT = Fraction(1, 600), 0.5, 30
print(f"Expected: the first frame at {START_S} s, and at 0.6 s the 4th frame, by either library.")
held = True
for name in ("late.mp4", "late.mkv"):
    with av.open(name, "w") as file:
        stream = file.add_stream("libx264", rate=30)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        for number in range(COUNT):
            grey = np.full((64, 64, 3), 8 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = round(START_S / TICK) + 20 * number, TICK
            file.mux(stream.encode(frame))
        file.mux(stream.encode())

    with av.open(name) as file:
        times_s = [frame.time for frame in file.decode(video=0)]
    video = cv2.VideoCapture(name)
    video.read()
    told_s, stamp = video.get(cv2.CAP_PROP_POS_MSEC) / 1000, video.get(cv2.CAP_PROP_PTS)
    video.set(cv2.CAP_PROP_POS_MSEC, 600)
    number = round(video.read()[1].mean() / 8)
    print(
        f"Seen: {name}: first frame at {times_s[0]} s by PyAV, {told_s} s by OpenCV; "
        f"at 0.6 s OpenCV gives frame {number + 1}, of {times_s[number]:.2f} s"
    )
    print(f"Seen: {name}: OpenCV's PTS of the first frame: {stamp:g} frames of 1/30 s")
    held = held and times_s[0] == START_S and len(times_s) == COUNT
    held = held and told_s == 0 and stamp == 15
    held = held and number == 18 and abs(times_s[number] - 1.1) < 0.01
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
