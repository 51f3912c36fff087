"""Texts of errors name files as the user knows them."""

from __future__ import annotations

import errno
import os

import pytest

from crossvox.core.checks import CaptureError, error_text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/a/.scene0000_00.6dada31b.part/c.png", "/a/scene0000_00/c.png"),
        ("out/.volume.6dada31b.02000a1f.part.npz", "out/volume.npz"),
        (".room.6dada31b.part", "room"),
        ("/a/b.part", "/a/b.part"),
        ("/a/.hidden/c.d.part", "/a/.hidden/c.d.part"),
    ],
)
def test_names_of_unfinished_pieces_are_not_shown(given: str, shown: str) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), given)
    assert error_text(full) == f"No space left on device {shown}"
    assert error_text(CaptureError(f"given: {given}; needed")) == f"given: {shown}; needed"


def test_what_has_no_words_of_its_own_gets_some() -> None:
    assert error_text(OSError("17476 requested and 5945 written")).endswith("is the disk full?")
    assert error_text(MemoryError()) == "out of memory"
    assert error_text(ZeroDivisionError("by zero")) == "ZeroDivisionError: by zero"
