#!/usr/bin/env bash
# Packages: rasterio 1.4.4 (GDAL 3.10.3), numpy 2.4.6
# One would swear: `reproject(..., src_nodata=65535, dst_nodata=0)` writes 0 where nothing is known,
#   as `dst_nodata=7` writes 7.
# What happens: 0 alone counts as not given, and the value of the source is taken: holes, and all
#   that lies outside the source, become 65535. The array given to be filled holds zeros before.
# Why it matters here: in depth images 0 is what says that nothing was measured, and 255 or 65535 is
#   what others write there. Brought from the one to the other while it is resampled, depth has a
#   wall at 65.535 m around it and in each hole; labels keep 255 where 0 was asked for.
# Seen: 2026-12-01, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

print(f"GDAL {rasterio.__gdal_version__}")
held = True
for kind, unknown, known in ((np.uint16, 65535, 2000), (np.uint8, 255, 5), (np.float32, -1, 2)):
    picture = np.full((4, 4), known, kind)
    picture[1, 1] = unknown
    for asked in (7, 0):
        out = np.zeros((4, 4), kind)
        reproject(
            picture,
            out,
            src_transform=from_origin(0, 4, 1, 1),
            dst_transform=from_origin(-1, 4, 1, 1),  # a pixel further to the left
            src_crs="EPSG:3857",
            dst_crs="EPSG:3857",
            src_nodata=unknown,
            dst_nodata=asked,
            resampling=Resampling.nearest,
        )
        hole, outside = out[1, 2], out[0, 0]
        print(f"Expected: {kind.__name__}, {unknown} is to become {asked}: hole and outside {asked}")
        print(f"Seen: hole {hole}, outside {outside}, the rest {out[0, 1]}")
        needed = asked or unknown
        held &= bool(hole == needed and outside == needed and out[0, 1] == known)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
