"""Text by its byte order mark."""

from __future__ import annotations

import pytest

from crossvox.core.text import decoded


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"]
)
def test_text_is_the_same_in_every_encoding(encoding: str) -> None:
    text = "会議室\nscène\n"
    data = text.encode(encoding)
    if encoding.endswith(("be", "le")):
        data = "\ufeff".encode(encoding) + data
    assert decoded(data) == text


def test_anything_else_is_refused_unless_there_is_a_fallback() -> None:
    data = "scène".encode("latin-1")
    with pytest.raises(UnicodeDecodeError):
        decoded(data)
    assert decoded(data, fallback="latin-1") == "scène"
    with pytest.raises(UnicodeDecodeError):
        decoded(b"\xff\xfea", fallback="latin-1")
