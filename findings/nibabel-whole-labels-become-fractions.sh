#!/usr/bin/env bash
# Packages: nibabel 5.4.2, numpy 2.4.6
# One would swear: a grid of labels 0 to 40 that is held as floats and saved as `uint8` (`dtype` of
#   the image) is stored as these whole numbers: each of them fits.
# What happens: they are stretched over 0 to 255 and divided again when they are read: 1 comes back
#   as 0.94, 4 as 3.92. `uint16` and `int16` do likewise, by less. Made integers again, as is usual,
#   about half of the 41 labels are the one below: 1 is 0. Held as integers of any width the same
#   labels are stored as they are.
# Why it matters here: a resampling or a network's output makes floats of labels on the way. Of a
#   labelled room half of the classes become their neighbours in the list, and class 1 becomes
#   unlabelled; a picture of it looks right.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check nibabel==5.4.2 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import nibabel
import numpy as np

labels = np.arange(41).reshape(41, 1, 1)  # one voxel of each


def through_file(held_as, stored_as):
    """The labels read again, as they are given and made integers."""
    nibabel.Nifti1Image(labels.astype(held_as), np.eye(4), dtype=stored_as).to_filename("room.nii")
    back = nibabel.load("room.nii")
    assert back.get_data_dtype() == stored_as
    return back.get_fdata(), np.asanyarray(back.dataobj).astype(np.uint8)


print("Expected: 41 of 41 labels come back, whichever way they were held")
held = True
for held_as in (np.uint8, np.int64, np.float32, np.float64):
    for stored_as in (np.uint8, np.int16, np.uint16):
        floats, whole = through_file(held_as, stored_as)
        kept = int((whole == labels).sum())
        lower = int((whole == labels - 1).sum())
        print(
            f"Seen: held as {held_as.__name__}, stored as {stored_as.__name__}: {kept} kept, "
            f"{lower} one lower; 1, 4 and 40 are {floats[[1, 4, 40], 0, 0].round(5).tolist()}"
        )
        stretched = np.issubdtype(held_as, np.floating)
        held &= kept + lower == 41 and (15 < lower < 25 if stretched else lower == 0)
floats, whole = through_file(np.float64, np.uint8)
held &= abs(floats[1, 0, 0] - 0.941) < 0.001 and whole[1, 0, 0] == 0
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
