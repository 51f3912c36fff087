#!/usr/bin/env bash
# Packages: rosbags 0.11.9, rosbags-image 0.10.4, opencv-python-headless 5.0.0.93, numpy 2.4.6
# One would swear: an Image message whose rows are padded (`step`, the bytes of a row, is more than
#   the pixels take) is decoded row by row, or refused.
# What happens: `step` is not looked at. The padding is taken for pixels, every row begins a little
#   farther along than the one above, and the last rows are missing. The image has the right size
#   and type, and nothing is said. The same message without padding is decoded rightly.
# Why it matters here: some drivers align rows, to 64 bytes say. 848 pixels of 16-bit depth, a width
#   of depth cameras, do not come out even: zeros run through the image in a slant, and all below
#   the first row is lifted to another place than where it was seen.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 \
  rosbags-image==0.10.4 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from rosbags.image import message_to_cvimage
from rosbags.typesys import Stores, get_typestore

WIDTH, HEIGHT, EDGE, ALIGNED = 848, 480, 300, 64
store = get_typestore(Stores.ROS2_HUMBLE)
Image, Header, Time = (
    store.types[name]
    for name in ("sensor_msgs/msg/Image", "std_msgs/msg/Header", "builtin_interfaces/msg/Time")
)

# In millimetres: a wall at 1 m left of the edge, one at 3 m right of it.
depth = np.full((HEIGHT, WIDTH), 1000, "<u2")
depth[:, EDGE:] = 3000


def decoded(step: int) -> np.ndarray:
    """The image as decoded from a message of ``step`` bytes a row, sent and received."""
    rows = np.zeros((HEIGHT, step // 2), "<u2")
    rows[:, :WIDTH] = depth
    head = Header(stamp=Time(sec=1, nanosec=0), frame_id="depth")
    sent = Image(head, HEIGHT, WIDTH, "16UC1", 0, step, rows.view(np.uint8).ravel())
    name = "sensor_msgs/msg/Image"
    received = store.deserialize_cdr(store.serialize_cdr(sent, name), name)
    assert (received.step, len(received.data)) == (step, step * HEIGHT)
    return message_to_cvimage(received)


close, padded_step = 2 * WIDTH, -(-2 * WIDTH // ALIGNED) * ALIGNED
plain, padded = decoded(close), decoded(padded_step)
wrong, empty = np.mean(padded != depth), np.mean(padded == 0)
edges = [int(np.flatnonzero(np.diff(row.astype(int)) == 2000)[0]) + 1 for row in padded[:6]]
print(f"Expected: the edge at column {EDGE} of all rows, padded or not; no pixel without depth.")
print(f"Seen: of {close} bytes a row: {np.mean(plain != depth):.0%} of the pixels are wrong")
print(f"Seen: of {padded_step} bytes a row: {padded.shape} {padded.dtype}, {wrong:.0%} are wrong")
print(f"Seen: the edge of the first rows is at columns {edges}; {empty:.1%} have no depth")
shift = (padded_step - close) // 2
held = np.array_equal(plain, depth)
held = held and padded.shape == depth.shape and padded.dtype == np.uint16
held = held and np.array_equal(padded[0], depth[0])
held = held and edges == [EDGE + shift * row for row in range(6)] and wrong > 0.3
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
