"""The templates of the page and of the 3D view's panel."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from crossvox.core.formats import area_text, duration_text, share_text


@cache
def environment() -> Environment:
    """Templates that escape all text and know no undefined names; compiled once a process."""
    made = Environment(
        loader=PackageLoader("crossvox.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["duration"] = duration_text
    made.filters["percent"] = share_text
    made.filters["area"] = area_text
    return made
