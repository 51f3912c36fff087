#!/usr/bin/env bash
# Packages: imageio 2.38.1, imageio-ffmpeg 0.6.0, av 18.1.0, opencv-python-headless 5.0.0.93,
#   numpy 2.4.6
# One would swear: iterating over a video gives the frames that were recorded, each once.
# What happens: imageio, unless told otherwise, has its FFMPEG plugin resample a video of varying
#   rate to a constant one and repeat frames for it: 60 frames whose second half is slower, as a
#   phone's in dim light, become 269. The same plugin counts 60 of them if asked. PyAV, OpenCV and
#   imageio by its pyav plugin give 60.
# Why it matters here: the n-th depth image and the n-th pose belong to the n-th frame recorded.
#   Here the n-th picture is another frame after the first few, with no error, and the end of the
#   list is cut off where lists of unequal length are zipped.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check imageio==2.38.1 \
  imageio-ffmpeg==0.6.0 av==18.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - 2>/dev/null <<'PY'
from fractions import Fraction

import av
import cv2
import imageio.v2
import imageio.v3 as iio
import numpy as np

SIDE, COUNT, TICK = 64, 60, Fraction(1, 600)


def write(name, times_s):
    """A video whose n-th frame shows the number n as bright and dark bars."""
    with av.open(name, "w") as file:
        stream = file.add_stream("libx264", rate=30)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        for number, time_s in enumerate(times_s):
            bars = np.where(number >> np.arange(8) & 1, 235, 16).astype(np.uint8)
            row = np.repeat(bars, SIDE // 8)[None, :, None]
            frame = av.VideoFrame.from_ndarray(np.tile(row, (SIDE, 1, 3)), format="rgb24")
            frame.pts, frame.time_base = round(time_s / TICK), TICK
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def numbers(pictures):
    """The numbers that pictures show."""
    bright = [p[16:48].mean((0, 2)).reshape(8, -1).mean(1) > 128 for p in pictures]
    return [int(bits @ (1 << np.arange(8))) for bits in bright]


def opencv(name):
    """All frames of a video by OpenCV."""
    video = cv2.VideoCapture(name)
    while (read := video.read())[0]:
        yield read[1]


steady = [i / 30 for i in range(COUNT)]
dim = [i / 30 if i < COUNT // 2 else 1 + (i - COUNT // 2) / 24 for i in range(COUNT)]
seen = {}
print(f"Expected: the numbers 0 to {COUNT - 1}, each once, by whatever library.")
for light, times_s in (("steady", steady), ("dim", dim)):
    write(f"{light}.mp4", times_s)
    with av.open(f"{light}.mp4") as file:
        seen[light, "PyAV"] = numbers(f.to_ndarray(format="rgb24") for f in file.decode(video=0))
    seen[light, "OpenCV"] = numbers(opencv(f"{light}.mp4"))
    for plugin in ("pyav", "FFMPEG"):
        seen[light, plugin] = numbers(iio.imiter(f"{light}.mp4", plugin=plugin))
    seen[light, "no plugin named"] = numbers(iio.imiter(f"{light}.mp4"))
    counts = [f"{reader} {len(n)}" for (which, reader), n in seen.items() if which == light]
    print(f"Seen: {light} light: {', '.join(counts)}")
with imageio.v2.get_reader("dim.mp4") as reader:
    counted = reader.count_frames()
grown = seen.pop(("dim", "FFMPEG"))
print(f"Seen: imageio's first pictures of the dim video by FFMPEG: {grown[:12]}")
print(f"Seen: the same plugin counts {counted}")
unnamed = seen.pop(("dim", "no plugin named"))
held = (
    all(n == list(range(COUNT)) for n in seen.values())
    and unnamed == grown
    and counted == COUNT
    and len(grown) > 4 * COUNT
    and sorted(set(grown)) == list(range(COUNT))
)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
