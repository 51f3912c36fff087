#!/usr/bin/env bash
# Packages: kornia 0.9.0, torch 2.14.1, numpy 2.4.6
# One would swear: a crop takes pixels out of a picture and leaves them what they are.
# What happens: where the rows or columns to take away are odd in number `center_crop` takes half a
#   pixel off each side: each is the mean of two or four. Of labels 2 and 9 a crop from 9 x 9 to
#   6 x 6 makes 5.5, of depth at 1 and 3 m a wall at 2 m; the finest detail is gone. From 10 x 10 it
#   is right, and so is the augmentation `CenterCrop` of the same library.
# Why it matters here: pictures of depth and of labels are cropped with their colours. Whether the
#   crop invents surfaces and classes depends on the picture's size being odd or even.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  kornia==0.9.0 torch==2.14.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import torch
from kornia.augmentation import CenterCrop
from kornia.geometry.transform import center_crop

held = True
for name, near, far, between in (("labels", 2.0, 9.0, 5.5), ("depth", 1.0, 3.0, 2.0)):
    for wide in (9, 10):
        picture = torch.full((1, 1, wide, wide), near)
        picture[..., 5:] = far
        found = center_crop(picture, (6, 6))[0, 0, 3].numpy().round(3).tolist()
        print(f"Expected: {name}, 6 columns of {wide}: {near} and {far} alone")
        print(f"Seen: {found}")
        held &= found == [near] * 3 + ([between] + [far] * 2 if wide == 9 else [far] * 3)
odd = torch.arange(81.0).reshape(1, 1, 9, 9)
found = CenterCrop((6, 6))(odd)[0, 0].long()
print("Expected and seen: the augmentation CenterCrop takes pixels as they are", end=": ")
print(bool((found[1:, 1:] - found[:-1, :-1] == 10).all()))
held &= bool((found.float() == CenterCrop((6, 6))(odd)[0, 0]).all())
board = (torch.arange(9) % 2.0)[None, None, None].repeat(1, 1, 9, 1)  # each second column white
found = np.unique(center_crop(board, (6, 6)).numpy().round(3)).tolist()
print("Expected: stripes one pixel wide: 0 and 1")
print(f"Seen: {found}")
held &= found == [0.5]
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
