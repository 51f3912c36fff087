#!/usr/bin/env bash
# Packages: torchvision 0.29.1, torch 2.14.1, Pillow 13.0.0, numpy 2.4.6
# One would swear: `to_tensor` (`ToTensor`) gives the pixels of a 16-bit PNG as they are, or
#   divided by the largest; that its bytes are divided by 255 is known.
# What happens: they are read as signed: 40000 becomes -25536. Nothing is divided, so near depths
#   are right. `pil_to_tensor`, `v2.functional.to_image` and `decode_image` of the same package
#   give 40000.
# Why it matters here: with 5,000 steps a metre, as in TUM's recordings, all beyond 6.55 m lies
#   behind the camera, and a test whether depth is above zero takes it for holes; in millimetres
#   the same file is right in every room.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  torchvision==0.29.1 torch==2.14.1 pillow==13.0.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from PIL import Image
from torchvision.io import decode_image
from torchvision.transforms import ToTensor, functional, v2

depth = np.array([[0, 5000, 32767, 32768, 40000, 65535]], np.uint16)
Image.fromarray(depth).save("depth.png")
picture = Image.open("depth.png")
if not np.array_equal(np.asarray(picture), depth):
    raise SystemExit("CHANGED: the file is read otherwise.")
print(f"Expected: {depth[0]}, or these divided by 65535")
seen = {
    "to_tensor": functional.to_tensor(picture),
    "ToTensor": ToTensor()(picture),
    "pil_to_tensor": functional.pil_to_tensor(picture),
    "v2 to_image": v2.functional.to_image(picture),
    "decode_image": decode_image("depth.png"),
}
held = True
for name, tensor in seen.items():
    numbers = np.asarray(tensor).reshape(-1)
    print(f"Seen: {name}: {numbers}, {tensor.dtype}")
    signed = name.lower().replace("_", "") == "totensor"
    held &= np.array_equal(numbers, depth[0].view(np.int16) if signed else depth[0])
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
