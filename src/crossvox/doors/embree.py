"""Embree's packets of rays, called from compiled code: what embreex's own call does ray by ray.

Embreex comes with the library Embree 4 but asks it for one ray at a time. Rays through
neighbouring pixels take nearly the same way through a mesh, and Embree follows 16 of them at once
in half to a third of the time, with the same hits to the last bit. The library's C interface is
that of its manual (https://github.com/RenderKit/embree/tree/v4.4.0/doc): ``rtcIntersect16``,
``RTCRayHit16``, ``RTCIntersectArguments``. Where the library is not found, or is no Embree 4,
:func:`library` gives None.
"""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from crossvox.core.threads import threads
from crossvox.core.volume import Mesh

Array = NDArray[Any]

_TRIANGLES, _INDICES, _VERTICES = 0, 0, 1
_FLOAT3, _UINT3 = 0x9003, 0x5003
_ROBUST = 4
_VERSION = 0
_ALL_FEATURES = 0xFFFFFFFF
_COHERENT = 1 << 16

_PACKET = 16
_TILE = 4
"""A packet is a square of this many pixels along each side."""

# Rows of RTCRayHit16, each of 16 numbers of 4 bytes.
_ORIGIN, _NEAR, _DIRECTION, _TIME, _FAR, _MASK, _ID, _FLAGS = 0, 3, 4, 7, 8, 9, 10, 11
_U, _V, _FACE, _GEOMETRY, _INSTANCE = 15, 16, 17, 18, 19
_ROWS = 24  # and two rows to spare: newer builds of the library may know instances of instances
_ALIGN = 64


@cache
def library() -> ctypes.CDLL | None:
    """The library that embreex comes with; None if there is none that is known to be alike."""
    import embreex

    package = Path(embreex.__file__).parent
    places = (package.parent / "embreex.libs", package / ".dylibs", package)
    found = [p for place in places if place.is_dir() for p in sorted(place.glob("*embree4*"))]
    for path in found:
        try:
            handle = _declared(ctypes.CDLL(str(path)))
            device = handle.rtcNewDevice(b"threads=1")
            version = handle.rtcGetDeviceProperty(device, _VERSION) if device else 0
        except (OSError, AttributeError):
            continue
        if device:
            handle.rtcReleaseDevice(device)
        if 40000 <= version < 50000:
            return handle
    return None


def _declared(handle: ctypes.CDLL) -> ctypes.CDLL:
    """The functions that are used, with their types."""
    pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    for name, result, arguments in (
        ("rtcNewDevice", pointer, [ctypes.c_char_p]),
        ("rtcReleaseDevice", None, [pointer]),
        ("rtcGetDeviceProperty", ctypes.c_ssize_t, [pointer, number]),
        ("rtcNewScene", pointer, [pointer]),
        ("rtcReleaseScene", None, [pointer]),
        ("rtcSetSceneFlags", None, [pointer, number]),
        ("rtcNewGeometry", pointer, [pointer, number]),
        ("rtcReleaseGeometry", None, [pointer]),
        (
            "rtcSetNewGeometryBuffer",
            pointer,
            [pointer, number, ctypes.c_uint, number, size, size],
        ),
        ("rtcCommitGeometry", None, [pointer]),
        ("rtcAttachGeometry", ctypes.c_uint, [pointer, pointer]),
        ("rtcCommitScene", None, [pointer]),
        ("rtcGetDeviceError", number, [pointer]),
        ("rtcIntersect16", None, [pointer] * 4),
    ):
        function = getattr(handle, name)
        function.restype, function.argtypes = result, arguments
    return handle


class EmbreePackets:
    """A mesh in Embree, asked for 16 rays at a time. One object may serve several threads.

    Args:
        handle: of :func:`library`.
        mesh: with at least one face.

    Raises:
        MemoryError: the library could not build its tree.
    """

    def __init__(self, handle: ctypes.CDLL, mesh: Mesh) -> None:
        self._call = ctypes.cast(handle.rtcIntersect16, ctypes.c_void_p).value
        device = handle.rtcNewDevice(f"threads={threads()}".encode("ascii"))
        self._scene = handle.rtcNewScene(device)
        # A scene keeps its device.
        weakref.finalize(self, handle.rtcReleaseScene, self._scene)
        handle.rtcReleaseDevice(device)
        handle.rtcSetSceneFlags(self._scene, _ROBUST)
        geometry = handle.rtcNewGeometry(device, _TRIANGLES)
        for kind, form, numbers in (
            (_VERTICES, _FLOAT3, np.ascontiguousarray(mesh.vertices_m, dtype=np.float32)),
            (_INDICES, _UINT3, np.ascontiguousarray(mesh.faces, dtype=np.uint32)),
        ):
            # The library makes the buffer: it reads a little beyond the end of it.
            place = handle.rtcSetNewGeometryBuffer(geometry, kind, 0, form, 12, len(numbers))
            if not place:
                raise MemoryError(f"no memory for a mesh of {len(mesh.faces)} faces")
            ctypes.memmove(place, numbers.ctypes.data, numbers.nbytes)
        handle.rtcCommitGeometry(geometry)
        handle.rtcAttachGeometry(self._scene, geometry)
        handle.rtcReleaseGeometry(geometry)
        handle.rtcCommitScene(self._scene)
        if handle.rtcGetDeviceError(device):
            raise MemoryError(f"no memory for a mesh of {len(mesh.faces)} faces")

    def cast(
        self,
        origins_m: Array,
        directions: Array,
        width: int = 0,
        *,
        coherent: bool = False,
        far: float = np.inf,
    ) -> tuple[Array, Array, Array, Array]:
        """First hits.

        Args:
            origins_m: ``(R, 3)``, or ``(1, 3)`` for one origin of all rays, float32.
            directions: ``(R, 3)`` float32.
            width: pixels a row, if the rays are those of an image, row by row; else 0.
            coherent: neighbours in the list (in the image) take nearly the same way.
            far: rays end at this distance.

        Returns:
            Distance (inf: nothing was hit), face (-1), u, v of every ray.
        """
        count = len(directions)
        distance = np.empty(count, np.float32)
        face = np.empty(count, np.int32)
        u, v = np.empty(count, np.float32), np.empty(count, np.float32)
        # RTCIntersectArguments: flags and features, then context, filter, intersect.
        flags = _COHERENT if coherent else 0
        arguments = np.array([flags | _ALL_FEATURES << 32, 0, 0, 0, 0], np.uint64)
        _cast(
            self._call,
            self._scene,
            arguments,
            origins_m,
            directions,
            width,
            np.float32(far),
            distance,
            face,
            u,
            v,
            np.zeros(_ROWS * _PACKET * 4 + _ALIGN, np.uint8),
            np.zeros(_PACKET * 4 + _ALIGN, np.uint8),
        )
        return distance, face, u, v

    def depth(self, origin_m: Array, rays: Array, rotation: Array, width: int) -> Array:
        """Distance along the rays of an image, 0 where nothing is hit: :meth:`cast`, and no more.

        Args:
            origin_m: ``(3,)`` float32 of all rays.
            rays: of :func:`tiled`, ``(P, 3, 16)`` float32.
            rotation: ``(3, 3)`` float32, by which they are turned.
            width: pixels a row of the image.

        Returns:
            ``(H, W)`` float32 of whole squares: the last rows and columns may lie beyond the image.
        """
        columns = -(-width // _TILE)
        distance = np.empty((len(rays) // columns * _TILE, columns * _TILE), np.float32)
        arguments = np.array([_COHERENT | _ALL_FEATURES << 32, 0, 0, 0, 0], np.uint64)
        _depth(
            self._call,
            self._scene,
            arguments,
            origin_m,
            rays,
            rotation,
            distance,
            np.zeros(_ROWS * _PACKET * 4 + _ALIGN, np.uint8),
            np.zeros(_PACKET * 4 + _ALIGN, np.uint8),
        )
        return distance


@intrinsic
def _intersect16(typing, address, valid, scene, rays, arguments):  # type: ignore[no-untyped-def]
    """Call ``rtcIntersect16`` by its address: code with an address in it could not be kept."""
    del typing

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        del context, signature
        pointer = cgutils.voidptr_t
        function = ir.FunctionType(ir.VoidType(), [pointer] * 4)
        called = builder.inttoptr(values[0], function.as_pointer())
        builder.call(called, [builder.inttoptr(value, pointer) for value in values[1:]])
        return cgutils.get_null_value(ir.IntType(64))

    return types.int64(*([types.int64] * 5)), generate


@njit(cache=True, nogil=True)
def _write_what_stays(floats, numbers, origin):  # type: ignore[no-untyped-def]
    """Write the rows of a packet that the library leaves as they are."""
    for k in range(_PACKET):
        for axis in range(3):
            floats[(_ORIGIN + axis) * _PACKET + k] = origin[axis]
        floats[_NEAR * _PACKET + k] = 0
        floats[_TIME * _PACKET + k] = 0
        numbers[_MASK * _PACKET + k] = -1
        numbers[_ID * _PACKET + k] = 0
        numbers[_FLAGS * _PACKET + k] = 0
        numbers[_INSTANCE * _PACKET + k] = -1


@njit(cache=True, nogil=True)
def _cast(  # type: ignore[no-untyped-def]
    call, scene, arguments, origins, directions, width, far, distance, face, u, v, memory, mask
):
    """Ask for packets of rays: of an image in squares of 4 x 4 pixels, else as they come."""
    shift = (-memory.ctypes.data) % _ALIGN
    floats = memory[shift : shift + _ROWS * _PACKET * 4].view(np.float32)
    numbers = memory[shift : shift + _ROWS * _PACKET * 4].view(np.int32)
    shift = (-mask.ctypes.data) % _ALIGN
    valid = mask[shift : shift + _PACKET * 4].view(np.int32)
    at = np.empty(_PACKET, np.int64)
    count = len(directions)
    rows = count // width if width > 0 else 1
    columns = width if width > 0 else count
    wide, high = (_TILE, _PACKET // _TILE) if width > 0 else (_PACKET, 1)
    one = len(origins) == 1
    _write_what_stays(floats, numbers, origins[0])
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            for k in range(_PACKET):
                x, y = left + k % wide, top + k // wide
                there = x < columns and y < rows
                ray = y * columns + x if there else 0
                at[k] = ray if there else -1
                valid[k] = -1 if there else 0
                floats[_DIRECTION * _PACKET + k] = directions[ray, 0]
                floats[(_DIRECTION + 1) * _PACKET + k] = directions[ray, 1]
                floats[(_DIRECTION + 2) * _PACKET + k] = directions[ray, 2]
                if not one:
                    floats[_ORIGIN * _PACKET + k] = origins[ray, 0]
                    floats[(_ORIGIN + 1) * _PACKET + k] = origins[ray, 1]
                    floats[(_ORIGIN + 2) * _PACKET + k] = origins[ray, 2]
            floats[_FAR * _PACKET : (_FAR + 1) * _PACKET] = far
            numbers[_FACE * _PACKET : (_GEOMETRY + 1) * _PACKET] = -1
            _intersect16(call, valid.ctypes.data, scene, floats.ctypes.data, arguments.ctypes.data)
            for k in range(_PACKET):
                ray = at[k]
                if ray < 0:
                    continue
                hit = numbers[_FACE * _PACKET + k]
                face[ray] = hit
                distance[ray] = floats[_FAR * _PACKET + k] if hit >= 0 else np.inf
                u[ray] = floats[_U * _PACKET + k] if hit >= 0 else 0
                v[ray] = floats[_V * _PACKET + k] if hit >= 0 else 0


def tiled(rays: Array, width: int) -> Array:
    """Rays of an image in squares of 4 x 4 pixels, one packet each.

    Args:
        rays: ``(R, 3)`` float32, row by row.
        width: pixels a row.

    Returns:
        ``(P, 3, 16)``, square by square, row by row; beyond the image its last pixels are repeated.
    """
    image = rays.reshape(-1, width, 3)
    missing = [-length % _TILE for length in image.shape[:2]]
    image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    rows, columns = image.shape[0] // _TILE, image.shape[1] // _TILE
    squares = image.reshape(rows, _TILE, columns, _TILE, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(squares).reshape(rows * columns, 3, _PACKET)


@njit(cache=True, nogil=True)
def _depth(  # type: ignore[no-untyped-def]
    call, scene, arguments, origin, rays, rotation, distance, memory, mask
):
    """What :func:`_cast` finds of an image's distances, written square by square."""
    shift = (-memory.ctypes.data) % _ALIGN
    floats = memory[shift : shift + _ROWS * _PACKET * 4].view(np.float32)
    numbers = memory[shift : shift + _ROWS * _PACKET * 4].view(np.int32)
    shift = (-mask.ctypes.data) % _ALIGN
    valid = mask[shift : shift + _PACKET * 4].view(np.int32)
    valid[:] = -1
    _write_what_stays(floats, numbers, origin)
    columns = distance.shape[1] // _TILE
    for packet in range(len(rays)):
        x, y, z = rays[packet, 0], rays[packet, 1], rays[packet, 2]
        for axis in range(3):
            a, b, c = rotation[axis, 0], rotation[axis, 1], rotation[axis, 2]
            turned = floats[(_DIRECTION + axis) * _PACKET : (_DIRECTION + axis + 1) * _PACKET]
            for k in range(_PACKET):
                turned[k] = (x[k] * a + y[k] * b) + z[k] * c
        floats[_FAR * _PACKET : (_FAR + 1) * _PACKET] = np.inf
        numbers[_FACE * _PACKET : (_GEOMETRY + 1) * _PACKET] = -1
        _intersect16(call, valid.ctypes.data, scene, floats.ctypes.data, arguments.ctypes.data)
        top, left = packet // columns * _TILE, packet % columns * _TILE
        for k in range(_PACKET):
            hit = numbers[_FACE * _PACKET + k] >= 0
            found = floats[_FAR * _PACKET + k] if hit else np.float32(0)
            distance[top + k // _TILE, left + k % _TILE] = found


@njit(cache=True, nogil=True)
def turned(rays, rotation):  # type: ignore[no-untyped-def]
    """Rays ``(R, 3)`` turned: ``rotation @ ray`` for each, in float32."""
    found = np.empty_like(rays)
    for n in range(len(rays)):
        for k in range(3):
            found[n, k] = (rays[n, 0] * rotation[k, 0] + rays[n, 1] * rotation[k, 1]) + (
                rays[n, 2] * rotation[k, 2]
            )
    return found
