"""Damage as data: what is done to a valid file, small enough to be written down and done again.

An edit is a list ``[name, argument, ...]`` of JSON types. :func:`apply` does it to bytes; an edit
that does not fit the bytes (a place beyond their end) changes nothing.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

Edit = list[Any]

LONG = 10_000
"""How deep lists are nested, and how many digits a long number has."""


def apply(edit: Edit, data: bytes) -> bytes:
    """The bytes after an edit; the same bytes where it does not fit."""
    name, *arguments = edit
    try:
        return EDITS[name](data, *arguments)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, struct.error, OSError):
        return data
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, MemoryError):
        return data


# Bytes


def flip(data: bytes, at: int, bit: int) -> bytes:
    """One bit the other way."""
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


def put(data: bytes, at: int, text: str) -> bytes:
    """Bytes (as hexadecimal text) over what is there."""
    new = bytes.fromhex(text)
    return data[:at] + new + data[at + len(new) :] if at <= len(data) else data


def insert(data: bytes, at: int, text: str) -> bytes:
    """Bytes between others."""
    return data[:at] + bytes.fromhex(text) + data[at:]


def cut(data: bytes, length: int) -> bytes:
    """The first bytes alone."""
    return data[:length]


def drop(data: bytes, at: int, count: int) -> bytes:
    """A block taken out."""
    return data[:at] + data[at + count :]


def double(data: bytes, at: int, count: int) -> bytes:
    """A block twice."""
    return data[: at + count] + data[at:]


def fill(data: bytes, at: int, count: int, value: int) -> bytes:
    """A block of one value."""
    count = max(0, min(count, len(data) - at))
    return data[:at] + bytes([value]) * count + data[at + count :]


def become(data: bytes, text: str) -> bytes:
    """Something else altogether."""
    return bytes.fromhex(text)


# Text


def word(data: bytes, at: int, new: str | list[Any]) -> bytes:
    """Another word in the place of one; ``[text, times]`` is a long one."""
    text = new if isinstance(new, str) else new[0] * new[1]
    found = -1
    for number, line in enumerate(lines := data.split(b"\n")):
        words = line.split(b"\t" if b"\t" in line else None)
        if found + len(words) >= at:
            words[at - found - 1] = text.encode("utf-8", "surrogatepass")
            lines[number] = (b"\t" if b"\t" in line else b" ").join(words)
            return b"\n".join(lines)
        found += len(words)
    return data


def line(data: bytes, at: int, what: str) -> bytes:
    """A line that is gone, twice, many times, or at the end."""
    lines = data.split(b"\n")
    here = lines[at]
    new = {"gone": [], "twice": [here] * 2, "often": [here] * 300, "last": []}[what]
    lines[at : at + 1] = new
    return b"\n".join(lines + ([here] if what == "last" else []))


def encoded(data: bytes, how: str) -> bytes:
    """The same text in another encoding."""
    text = data.decode("utf-8")
    return b"\xef\xbb\xbf" + data if how == "bom" else text.encode(how, "replace")


# JSON


def json_set(data: bytes, path: list[Any], value: Any) -> bytes:
    """Another value in a place; ``$long`` and ``$deep`` stand for what would be large here."""
    record = json.loads(data)
    if not path:
        record = value
    else:
        _place(record, path)[path[-1]] = value
    text = json.dumps(record)
    text = text.replace('"$long"', "9" * LONG)
    return text.replace('"$deep"', "[" * LONG + "]" * LONG).encode()


def json_gone(data: bytes, path: list[Any]) -> bytes:
    """A field that is gone."""
    record = json.loads(data)
    del _place(record, path)[path[-1]]
    return json.dumps(record).encode()


def json_renamed(data: bytes, path: list[Any], name: str) -> bytes:
    """A field of another name."""
    record = json.loads(data)
    place = _place(record, path)
    place[name] = place.pop(path[-1])
    return json.dumps(record).encode()


def json_line(data: bytes, at: int, edit: Edit) -> bytes:
    """An edit to one line of JSON."""
    lines = data.split(b"\n")
    lines[at] = apply(edit, lines[at])
    return b"\n".join(lines)


def _place(record: Any, path: list[Any]) -> Any:
    for key in path[:-1]:
        record = record[key]
    return record


# Containers: the content is changed, and the sums that guard it are made right again


def zip_member(data: bytes, name: str, edit: Edit) -> bytes:
    """An edit to a file inside a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == name:
                content = apply(edit, content)
            new.writestr(entry.filename, content, entry.compress_type)
    return out.getvalue()


def zip_gone(data: bytes, name: str) -> bytes:
    """A zip without one of its files."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry.filename, old.read(entry), entry.compress_type)
    return out.getvalue()


def npy(data: bytes, dtype: str, shape: list[int], value: float) -> bytes:
    """Another array in the place of one."""
    out = io.BytesIO()
    np.save(out, np.full(shape, value).astype(dtype))
    return out.getvalue()


def npy_header(data: bytes, text: str) -> bytes:
    """Another header before the same bytes."""
    (length,) = struct.unpack("<H", data[8:10])
    header = text.encode().ljust(117) + b"\n"
    return data[:6] + b"\1\0" + struct.pack("<H", len(header)) + header + data[10 + length :]


def headed_json(data: bytes, edit: Edit) -> bytes:
    """An edit to the JSON that a safetensors file begins with."""
    (length,) = struct.unpack("<Q", data[:8])
    header = apply(edit, data[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def png_chunk(data: bytes, at: int, edit: Edit) -> bytes:
    """An edit to what a chunk of a PNG holds."""
    place, number = 8, 0
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind = data[place + 4 : place + 8]
        if number == at:
            body = apply(edit, data[place + 8 : place + 8 + length])
            chunk = struct.pack(">I", len(body)) + kind + body
            chunk += struct.pack(">I", zlib.crc32(kind + body))
            return data[:place] + chunk + data[place + 12 + length :]
        place, number = place + 12 + length, number + 1
    return data


def hdf5(data: bytes, name: str, what: str, *values: Any) -> bytes:
    """A data set or attribute of another type or shape, of a huge declared shape, or gone."""
    import h5py

    out = io.BytesIO(data)
    with h5py.File(out, "r+") as file:
        if what == "attribute":
            file.attrs[name] = values[0]
            return out.getvalue()
        old = file[name][...] if what == "value" and name in file else None
        if name in file:
            del file[name]
        if what == "array":
            dtype, shape, value = values
            file[name] = np.full(shape, value).astype(dtype)
        elif what == "huge":
            file.create_dataset(name, shape=values[0], dtype=values[1], chunks=True)
        elif what == "value" and old is not None:
            at, value = values
            old.reshape(-1)[at % old.size] = value
            file[name] = old
        elif what == "group":
            file.create_group(name)
    return out.getvalue()


EDITS: dict[str, Callable[..., bytes]] = {
    "flip": flip, "put": put, "insert": insert, "cut": cut, "drop": drop, "double": double,
    "fill": fill, "become": become, "word": word, "line": line, "encoded": encoded,
    "json_set": json_set, "json_gone": json_gone, "json_renamed": json_renamed,
    "json_line": json_line, "zip_member": zip_member, "zip_gone": zip_gone, "npy": npy,
    "npy_header": npy_header, "headed_json": headed_json, "png_chunk": png_chunk, "hdf5": hdf5,
}  # fmt: skip
