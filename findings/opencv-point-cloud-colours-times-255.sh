#!/usr/bin/env bash
# Packages: opencv-python-headless 5.0.0.93, plyfile 1.1.5, numpy 2.4.6
# One would swear: colours of bytes, as images have them, are stored as these bytes in a PLY file
#   whose properties are declared as bytes; or they are refused.
# What happens: savePointCloud multiplies what it is given by 255 whatever its type. Bytes become
#   numbers such as 65025 in a column declared `uchar`. OpenCV reads its own file back with other
#   colours (red comes back as almost black with green and blue), plyfile refuses the file.
# Why it matters here: points coloured from the frames are the first thing one saves to look at;
#   colours must be given as floats from 0 to 1, which no text of the function says.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==5.0.0.93 plyfile==1.1.5 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import cv2
import numpy as np
from plyfile import PlyData

points_m = np.array([[[0, 0, 0]], [[1, 0, 0]]], np.float32)
red = np.array([[[255, 10, 20]], [[255, 10, 20]]], np.uint8)


def saved(colours, name):
    """The last three numbers of the first point in the file, and what two readers make of them."""
    cv2.savePointCloud(name, points_m, None, colours)
    with open(name) as file:
        text = file.read()
    assert "property uchar red" in text
    line = text.split("end_header\n")[1].splitlines()[0].split()[3:]
    back = np.asarray(cv2.loadPointCloud(name)[2]).reshape(-1, 3)[0]
    try:
        other = PlyData.read(name)["vertex"]
        told = str([int(other[c][0]) for c in ("red", "green", "blue")])
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
    return [int(float(n)) for n in line], (255 * back).round().astype(int).tolist(), told


print("Expected: 255 10 20 in the file and from every reader.")
of_bytes, of_floats = saved(red, "bytes.ply"), saved(red.astype(np.float32) / 255, "floats.ply")
for name, (line, back, told) in (("bytes", of_bytes), ("floats", of_floats)):
    print(f"Seen: from {name}: in the file {line}; read by OpenCV {back}; by plyfile {told}")
right = [255, 10, 20]
held = of_bytes[0] == [255 * n for n in right] and of_bytes[1] != right
held = held and str(right) not in of_bytes[2] and of_floats[0] == of_floats[1] == right
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
