"""Which damage is tried: edits drawn at random, by the kind of file."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

from trials.fuzz.edits import Edit

Draw = Callable[[Random, bytes], Edit]

WHOLE = (
    [struct.pack("<I", v).hex() for v in (0, 1, 2, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)]
    + [struct.pack("<Q", v).hex() for v in (1 << 20, 1 << 31, 1 << 33, 2**63 - 1, 2**64 - 1)]
    + [struct.pack("<H", v).hex() for v in (0, 255, 256, 32767, 32768, 65535)]
    + [struct.pack(">I", v).hex() for v in (0, 1, 65536, 2**31 - 1, 2**32 - 1)]
)
FLOATS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-30,
    1e20,
    -1e20,
    3e38,
    1e9,
    1e6,
    0.5,
    *map(float, ("nan", "inf", "-inf")),
)
REAL = [struct.pack("<f", v).hex() for v in FLOATS] + [
    struct.pack("<d", v).hex() for v in (*FLOATS, 1e300, -1e300)
]
WORDS = (
    "0", "-1", "1", "nan", "inf", "-inf", "1e20", "-1e20", "1e300", "1e400", "1e-300", "0.5", "1e6",
    "2147483648", "4294967296", "9223372036854775808", "18446744073709551616", "65536", "99999",
    ["9", 400], ["9", 5000], "x", "", "\0", "a\0b", "..", "../x", "/", "/etc/x", "a/b",
    "\u00e9", "\u0663",
    "\ud800", "0x10", "1_000", "1,5", "\"", "'", "#", "[bold]", "\x1b[31m", ["x", 5000],
    ["x", 140000], "3.7", "True", "None", "NaN",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1,
    65536, 10**30, "", "x", "..", "../x", "/etc/x", "a\0b", "\ud800", "Infinity", "-Infinity",
    "NaN",    float("nan"), float("inf"), float("-inf"), "1", "auto", "[bold]", "\x1b[31m",
    [], [[]], [None], [1, 2, 3], ["x"], [0.5] * 50, {}, {"x": 1}, {"": {}}, {"name": "x"},
    "$long", "$deep",
)  # fmt: skip
KINDS = ("u1", "u2", "i1", "i4", "i8", "f2", "f4", "f8", "?", "U3", "S2", "c8", "M8[s]")
SHAPES: tuple[list[int], ...] = (
    [],
    [0],
    [1],
    [2],
    [3],
    [4],
    [2, 2],
    [0, 3],
    [3, 0],
    [4, 4, 4],
    [1, 1, 1, 1],
    [200],
)
NUMBERS = (0, 1, -1, 2, 255, 65536, 2**31 - 1, -(2**31), 1e20, 1e300, float("nan"), float("inf"))
HEADERS = (
    "{'descr': '|u1', 'fortran_order': False, 'shape': (8589934592,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000), }",
    "{'descr': '|u1', 'fortran_order': True, 'shape': (4, 4, 4), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<i8', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<i8', 'fortran_order': False, 'shape': (3,) }",
    "{'descr': [('a', '<i8'), ('b', '|u1', (99999999,))], 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<U1000000000', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<i8', 'fortran_order': False, 'shape': (0, 99999999999), }",
    "(" * 90,
    "{'descr': '<i8'",
)


def of_bytes(random: Random, data: bytes) -> Edit:
    """Any file; heads are hit more often than the rest."""
    length = max(1, len(data))
    near = min(length, random.choice((64, 512, length, length)))
    at = random.randrange(near)
    match random.randrange(12):
        case 0 | 1 | 2:
            return ["flip", at, random.randrange(8)]
        case 3 | 4:
            return ["put", at, random.choice(WHOLE)]
        case 5:
            return ["put", at - at % 4, random.choice(REAL)]
        case 6:
            return ["put", at, random.randbytes(random.choice((1, 2, 4, 16))).hex()]
        case 7:
            return ["cut", random.choice((at, random.randrange(length), 0, length - 1))]
        case 8:
            return ["drop", at, random.choice((1, 4, 16, 97, 1000))]
        case 9:
            return ["double", at, random.choice((1, 4, 16, 97, 1000))]
        case 10:
            return ["fill", at, random.choice((4, 16, 256, 4096)), random.choice((0, 1, 127, 255))]
        case _:
            return ["insert", at, random.choice((*WHOLE, "00", "0a", "22", "ffff"))]


def of_text(random: Random, data: bytes) -> Edit:
    """Words, lines and encodings."""
    match random.randrange(12):
        case 0 | 1 | 2 | 3 | 4 | 5:
            return ["word", random.randrange(max(1, len(data.split()))), random.choice(WORDS)]
        case 6 | 7:
            what = random.choice(("gone", "twice", "often", "last"))
            return ["line", random.randrange(max(1, data.count(b"\n") + 1)), what]
        case 8:
            how = random.choice(("utf-16", "utf-16-le", "utf-32", "bom", "latin-1", "utf-7"))
            return ["encoded", how]
        case 9:
            return [
                "become",
                random.choice(("", "00", "0a", "ff", "efbbbf", "fffe", "5b" * 99, "7b7d")),
            ]
        case _:
            return of_bytes(random, data)


def of_json(random: Random, data: bytes) -> Edit:
    """Fields of another type, gone, of another name; and what any text can have."""
    kind = random.randrange(10)
    if kind > 7:
        return of_text(random, data)
    try:
        paths = list(_paths(json.loads(data)))
    except (ValueError, RecursionError):
        return of_bytes(random, data)
    # Upper fields are as likely as the many below them.
    depth = random.choice(sorted({len(path) for path in paths}))
    path = random.choice([path for path in paths if len(path) == depth])
    if kind < 6 or not path:
        return ["json_set", path, random.choice(VALUES)]
    if kind == 6:
        return ["json_gone", path]
    return ["json_renamed", path, random.choice(("x", "", "schema", "name", "a\0b"))]


def of_json_lines(random: Random, data: bytes) -> Edit:
    """JSON, line by line."""
    if random.random() < 0.2:
        return of_text(random, data)
    at = random.randrange(max(1, data.count(b"\n")))
    return ["json_line", at, of_json(random, data.split(b"\n")[at])]


def of_npz(random: Random, data: bytes) -> Edit:
    """Arrays of another type or shape, headers that promise more, and the zip around them."""
    if random.random() < 0.3:
        return of_bytes(random, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = random.choice(archive.namelist())
            content = archive.read(name)
    except Exception:
        return of_bytes(random, data)
    match random.randrange(8):
        case 0 | 1 | 2:
            return ["zip_member", name, of_array(random)]
        case 3:
            return ["zip_member", name, ["npy_header", random.choice(HEADERS)]]
        case 4:
            return ["zip_gone", name]
        case _:
            return ["zip_member", name, of_bytes(random, content)]


def of_array(random: Random) -> Edit:
    """An array of some type, shape and value."""
    return ["npy", random.choice(KINDS[:9]), random.choice(SHAPES), random.choice(NUMBERS[:10])]


def of_zip(random: Random, data: bytes) -> Edit:
    """A zip, as torch and some apps write: what lies in it by its kind, or any byte."""
    if random.random() < 0.3:
        return of_bytes(random, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = random.choice(
                [n for n in archive.namelist() if random.random() < 0.5] or archive.namelist()
            )
            content = archive.read(name)
    except Exception:
        return of_bytes(random, data)
    if random.random() < 0.1:
        return ["zip_gone", name]
    return ["zip_member", name, draw(random, name, content, first=False)]


def of_safetensors(random: Random, data: bytes) -> Edit:
    """The header's JSON, its length, and the bytes behind."""
    if random.random() < 0.3:
        return of_bytes(random, data)
    try:
        (length,) = struct.unpack("<Q", data[:8])
        return ["headed_json", of_json(random, data[8 : 8 + length])]
    except struct.error:
        return of_bytes(random, data)


def of_png(random: Random, data: bytes) -> Edit:
    """Chunks with right sums, or any byte."""
    if random.random() < 0.4:
        return of_bytes(random, data)
    at = random.choice((0, 0, 0, 1, 1, 2, 3))
    if at == 0:
        place = random.choice((0, 4, 8, 9, 10, 11, 12))
        text = random.choice(
            ("00000000", "00000001", "00010000", "7fffffff", "ffffffff", "10", "03", "01")
        )
        return ["png_chunk", 0, ["put", place, text if place < 8 else text[:2]]]
    return ["png_chunk", at, of_bytes(random, data[41:])]


def of_hdf5(random: Random, data: bytes) -> Edit:
    """Data sets of another type or shape, huge ones, gone ones; attributes; any byte."""
    name = random.choice(("x", "y", "scene_id", "scan_id", "world_to_grid", "frames"))
    match random.randrange(8):
        case 0 | 1 | 2:
            return of_bytes(random, data)
        case 3:
            return [
                "hdf5",
                name,
                "array",
                random.choice(KINDS[:9]),
                random.choice(SHAPES),
                random.choice(NUMBERS[:10]),
            ]
        case 4:
            shape = random.choice(
                ([1 << 33], [2, 1 << 20, 1 << 12, 8], [1 << 20, 4, 4], [2, 99999], [1 << 31])
            )
            return ["hdf5", name, "huge", shape, random.choice(("f4", "i2", "f8"))]
        case 5:
            return ["hdf5", name, random.choice(("gone", "group"))]
        case 6:
            return ["hdf5", name, "value", random.randrange(64), random.choice(NUMBERS[:8])]
        case _:
            name = random.choice(("labels", "scene_names"))
            text = random.choice(
                (
                    "",
                    "x",
                    "[]",
                    "[[1]]",
                    "{}",
                    '[[0,0,"../x"]]',
                    "[[0,0,3]]",
                    "[" * 9999,
                    3,
                    1.5,
                    '[[0,0,"a\\u0000b"]]',
                )
            )
            return ["hdf5", name, "attribute", text]


def _paths(record: Any, here: tuple[Any, ...] = ()) -> Any:
    yield list(here)
    entries = (
        record.items()
        if isinstance(record, dict)
        else enumerate(record)
        if isinstance(record, list)
        else ()
    )
    for key, value in entries:
        yield from _paths(value, (*here, key))


KIND_OF: tuple[tuple[str, Draw], ...] = (
    (".jsonl", of_json_lines), (".json", of_json), (".npz", of_npz),
    (".safetensors", of_safetensors), (".png", of_png), (".h5", of_hdf5), (".hdf5", of_hdf5),
    (".pth", of_zip), (".tar", of_zip), (".zip", of_zip), (".r3d", of_zip),
    ("metadata", of_json),
    (".txt", of_text), (".tsv", of_text), (".csv", of_text),
)  # fmt: skip


def draw(random: Random, name: str, data: bytes, *, first: bool) -> Edit:
    """An edit for a file of this name.

    Args:
        random: what it is drawn from.
        name: of the file.
        data: what it holds.
        first: whether it is valid still. Damaged HDF5 is not opened to be damaged further.
    """
    if not first and name.endswith((".h5", ".hdf5")):
        return of_bytes(random, data)
    for ending, kind in KIND_OF:
        if name.endswith(ending):
            return kind(random, data)
    if name.endswith(".ply") and random.random() < 0.5:
        header = data.split(b"end_header")[0]
        return of_text(random, header)
    return of_bytes(random, data)
