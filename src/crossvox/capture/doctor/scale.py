"""Depth and positions in different units: what the factor between them says."""

from __future__ import annotations

from dataclasses import replace

from crossvox.capture.doctor.variants import Variant

SENSIBLE_M = (0.25, 12.0)
"""Median depth that a capture of a room can have."""

SNAP = 0.1
"""A factor this near (as a share) to one between usual units is taken for it."""

_DEPTH_UNITS = {
    1.0: "metres",
    100.0: "centimetres",
    1000.0: "millimetres",
    4000.0: "quarters of a millimetre",
    5000.0: "fifths of a millimetre, as of TUM",
    6553.5: "65535 for 10 m, as of Replica and SplaTAM",
    10000.0: "tenths of a millimetre",
}
_WAY_UNITS = {1000.0: "millimetres", 100.0: "centimetres", 39.37: "inches", 3.281: "feet"}


def scale_variant(variant: Variant, scale: float, depth_m: float, units_per_m: float) -> Variant:
    """A meaning whose ways between cameras are multiplied by a scale, in words.

    Positions times ``scale`` fit the depth as it is read; so does depth divided by ``scale`` fit
    the positions as they are. Usual units, and depths that a room can have, tell which is wrong.

    Args:
        variant: poses, as they are meant otherwise.
        scale: what the positions must be multiplied by.
        depth_m: median depth as it is read.
        units_per_m: stored depth units a metre, as the capture takes them.
    """
    poses = variant.poses.copy()
    poses[:, :3, 3] *= scale
    low, high = SENSIBLE_M
    depth_unit = _nearest(units_per_m * scale, _DEPTH_UNITS)
    way_unit = _nearest(1 / scale, _WAY_UNITS)
    depth_can_stay, depth_can_change = low <= depth_m <= high, low <= depth_m / scale <= high
    before = f"{variant.is_so}, and " if variant.is_so else ""
    flags = [variant.flag] if variant.flag else []
    if way_unit is not None and depth_can_stay:
        is_so = f"{before}the positions of the poses are in {_WAY_UNITS[way_unit]}"
        do = f"divide the positions by {way_unit:g}"
        do = f"{do}, and {variant.do}" if variant.do else do
    elif depth_unit is not None and depth_can_change:
        is_so = (
            f"{before}depth is stored in units of 1/{depth_unit:g} m ({_DEPTH_UNITS[depth_unit]})"
        )
        flags.append(f"--depth-scale {depth_unit:g}")
        do = f"pass {' '.join(flags)}" if variant.flag or not variant.do else variant.do
    else:
        is_so = (
            f"{before}positions and depth differ in scale: positions times {scale:.4g} fit "
            f"(poses without metric scale, as from images alone, or another depth unit)"
        )
        flags.append(f"--depth-scale {units_per_m * scale:.5g}")
        do = (
            f"multiply the positions by {scale:.4g} if depth is in metres, or pass "
            f"{' '.join(flags)} if the positions are"
        )
    flag = " ".join(flags) if not variant.do or variant.flag else ""
    cost = variant.cost + 1
    return replace(
        variant,
        kind="scale",
        is_so=is_so,
        do=do,
        flag=flag,
        poses=poses,
        cost=cost,
        factor=scale,
    )


def _nearest(value: float, units: dict[float, str]) -> float | None:
    for unit in sorted(units, key=lambda one: abs(value / one - 1)):
        if abs(value / unit - 1) <= SNAP:
            return unit
    return None
