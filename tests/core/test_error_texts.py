"""Texts of errors name files as the user knows them."""

from __future__ import annotations

import errno
import os

import pytest

from crossvox.core.checks import (
    CaptureError,
    CheckpointError,
    error_text,
    given_in,
    is_passing,
    reason,
)


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
    assert reason(full) == f"No space left on device {shown}"
    assert error_text(full).startswith(f"given: {shown} (No space left on device); needed: room")
    assert error_text(CaptureError(f"given: {given}; needed")) == f"given: {shown}; needed"


def test_what_has_no_words_of_its_own_gets_some() -> None:
    bare = OSError("17476 requested and 5945 written")
    assert reason(bare).endswith("is the disk full?")
    assert error_text(bare).startswith("given: 17476 requested and 5945 written; needed: room on")
    cut = OSError("image file is truncated")
    assert reason(cut) == "a file could not be read or written (image file is truncated)"
    assert error_text(cut).startswith("given: image file is truncated; needed: a file or folder")
    assert error_text(TimeoutError()).startswith("given: TimeoutError; needed: a file or folder")
    assert error_text(MemoryError()) == "out of memory"
    assert error_text(ZeroDivisionError("by zero")) == "ZeroDivisionError: by zero"


def test_what_was_given_is_told_with_all_that_it_says() -> None:
    inner = "given: x.task of type int; needed: str; do: correct it"
    text = f"given: x, which is not that ({inner}); needed: a record; do: check the path"
    assert given_in(CaptureError(text)) == f"x, which is not that ({inner})"
    assert given_in(CaptureError("no such thing")) == "no such thing"


def test_what_the_system_refuses_is_passing_whoever_tells_it() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "last")
    told, damaged = CheckpointError("given: last; needed: room"), CaptureError("given: a scan")
    told.__cause__, damaged.__cause__ = full, ValueError("no scan")
    bug = ZeroDivisionError("by zero")
    bug.__cause__ = full
    assert [is_passing(error) for error in (full, told)] == [True, True]
    assert [is_passing(error) for error in (CaptureError("-"), damaged, bug)] == [False] * 3


@pytest.mark.parametrize("number", [*errno.errorcode, 4711])
def test_whatever_the_system_refuses_is_told_with_what_to_do(number: int) -> None:
    said = error_text(OSError(number, os.strerror(number), "out/.locks/folder.lock"))
    assert said.startswith(f"given: out ({os.strerror(number)}); needed: ")
    assert said.partition("; do: ")[2]
    assert error_text(OSError(number, "as it says")).startswith("given: as it says; needed: ")
