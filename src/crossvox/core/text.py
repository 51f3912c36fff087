"""Text out of files that people and spreadsheets wrote."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the next one
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes, *, fallback: str = "") -> str:
    """Text of a file, by the byte order mark that it begins with: UTF-8, UTF-16 or UTF-32.

    PowerShell writes UTF-16 by default, spreadsheets UTF-8 with a mark.

    Args:
        data: the file.
        fallback: encoding of a file that has no mark and is no UTF-8, for example ``latin-1``,
            which reads anything: only where what counts is ASCII.

    Raises:
        UnicodeDecodeError: it is no such text.

    Example:
        >>> decoded("é".encode("utf-16")), decoded("é".encode("latin-1"), fallback="latin-1")
        ('é', 'é')
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is not None:
        return data.decode(encoding).removeprefix("\ufeff")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        if not fallback:
            raise
        return data.decode(fallback)
