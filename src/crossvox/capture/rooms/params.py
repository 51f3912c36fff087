"""What the user chooses about generated rooms, and what is reported about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from crossvox.core.checks import ParamsError, expect

SensorKind = Literal["structured-light", "tof", "lidar-phone", "plain"]
"""How a depth sensor measures."""


@dataclass(frozen=True)
class RoomsParams:
    """Generated rooms: how many, how large the images, how the camera moves.

    Room ``i`` of a seed is the same whatever ``count`` and ``threads`` are.

    Attributes:
        count: rooms to write.
        seed: seed of all chance.
        frames: frames of each room; the path always covers the room within them.
        frame_step: frames of the 30 Hz film between two that are written; a larger step makes a
            longer walk (and lets the camera revisit more).
        width: width of the colour images and their labels, pixels.
        height: height of the colour images and their labels, pixels.
        depth_width: width of the depth images, pixels; 0 = as the colour images, or as the sensor's
            are.
        depth_height: height of the depth images, pixels; 0 = as the colour images, or as the
            sensor's are.
        far_m: largest depth the sensor reads, metres; the reference mesh holds what some frame
            saw within this range (never beyond 4.5 m).
        lost_share: share of frames whose pose is lost (at least one frame a room unless 0).
        jpeg_quality: quality of the colour images, 1 to 100.
        spacing_m: largest triangle edge along flat surfaces of the reference mesh, metres.
        noise: factor on the sensor's depth noise and missing readings; 0 = a perfect sensor.
        sensor: how depth is measured. "structured-light": a projected pattern, as of Kinect v1 and
            Structure: shadows at the left of what is near, steps that grow with the square of
            depth, holes on what is dark, shiny or seen along. "tof": time of flight, as of Kinect
            v2 and later: flying pixels at edges, corners and dark things look farther away.
            "lidar-phone": smooth, edges blurred, 256x192 pixels unless said otherwise, up to 5 m,
            without what is of low confidence. "plain": noise and missing readings
            alone, without any of these.
        clutter: things left about, a square metre of tables and worktops, beside those that belong
            to the kind of room; 0: none.
        dark: share of furniture's materials that are nearly black and often shiny; 0: none beside
            those that are so anyway.
        pose_drift: how fast the written poses go astray, centimetres a metre of way (a turn of
            one radian counts half a metre); every few metres most of the error is gone at once. 0:
            true poses.
        validation_every: every so many rooms one goes to the validation list (the last room, if
            there are at least two and too few for that).
        threads: threads that render; 0 = all that this process may use.

    Raises:
        ParamsError: a value that makes no sense.
    """

    count: int = 4
    seed: int = 0
    frames: int = 300
    frame_step: int = 3
    width: int = 640
    height: int = 480
    depth_width: int = 0
    depth_height: int = 0
    far_m: float = 6.0
    lost_share: float = 0.01
    jpeg_quality: int = 90
    spacing_m: float = 0.035
    noise: float = 1.0
    sensor: SensorKind = "structured-light"
    clutter: float = 5.0
    dark: float = 0.25
    pose_drift: float = 0.5
    validation_every: int = 4
    threads: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("count", 1, 10000),
            ("seed", 0, 2**63),
            ("frames", 1, 100000),
            ("frame_step", 1, 300),
            ("width", 16, 4096),
            ("height", 16, 4096),
            ("depth_width", 0, 4096),
            ("depth_height", 0, 4096),
            ("far_m", 1.0, 60.0),
            ("lost_share", 0.0, 0.5),
            ("jpeg_quality", 1, 100),
            ("spacing_m", 0.01, 0.2),
            ("noise", 0.0, 10.0),
            ("clutter", 0.0, 30.0),
            ("dark", 0.0, 1.0),
            ("pose_drift", 0.0, 10.0),
            ("validation_every", 2, 10000),
            ("threads", 0, 1024),
        ):
            value = getattr(self, name)
            expect(
                low <= value <= high,
                given=f"{name}={value}",
                needed=f"a value from {low:g} to {high:g}",
                do=f"change --{name.replace('_', '-')}",
                error=ParamsError,
            )


@dataclass(frozen=True)
class RoomReport:
    """One room.

    Attributes:
        scene: its name, for example ``scene0003_00``.
        kind: what it is, for example ``kitchen``.
        split: ``train`` or ``val``.
        frames: frames written.
        lost_poses: frames among them without pose.
        vertices: vertices of the reference mesh.
        classes: names of the NYU40 classes on the reference mesh.
        seconds: time it took; 0 if it was there already.
        skipped: whether it was there already.
    """

    scene: str
    kind: str
    split: str
    frames: int
    lost_poses: int
    vertices: int
    classes: tuple[str, ...]
    seconds: float
    skipped: bool


@dataclass(frozen=True)
class RoomsReport:
    """All rooms of one call.

    Attributes:
        rooms: one record a room, in order.
        failed: rooms that could not be written.
    """

    rooms: tuple[RoomReport, ...] = field(default_factory=tuple)
    failed: tuple[Any, ...] = ()

    @property
    def scenes(self) -> tuple[str, ...]:
        """Scene names, in order."""
        return tuple(room.scene for room in self.rooms)

    @property
    def frames(self) -> int:
        """Frames of all rooms."""
        return sum(room.frames for room in self.rooms)

    @property
    def lost_poses(self) -> int:
        """Frames without pose of all rooms."""
        return sum(room.lost_poses for room in self.rooms)

    @property
    def skipped(self) -> int:
        """Rooms that were there already."""
        return sum(room.skipped for room in self.rooms)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the NYU40 classes that any room shows, sorted."""
        return tuple(sorted({name for room in self.rooms for name in room.classes}))
