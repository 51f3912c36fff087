"""Compiled kernels round as they say, whoever calls them first.

One that does not name its own ``fastmath`` takes the flags of the caller that compiles it first.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from numba.core.dispatcher import Dispatcher

import crossvox

SOURCE = Path(crossvox.__file__).parent


def kernels() -> dict[int, Any]:
    """All kernels that a module holds by name, and those that they call."""
    found: dict[int, Any] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "njit" in path.read_text():
            name = path.relative_to(SOURCE.parent).with_suffix("").as_posix().replace("/", ".")
            values = vars(import_module(name.removesuffix(".__init__"))).values()
            found |= {id(one): one for one in values if isinstance(one, Dispatcher)}
    waiting = list(found.values())
    while waiting:
        for one in called(waiting.pop()):
            if id(one) not in found:
                found[id(one)] = one
                waiting.append(one)
    return found


def called(kernel: Any) -> list[Any]:
    function = kernel.py_func
    values = [function.__globals__.get(name) for name in function.__code__.co_names]
    values += [cell.cell_contents for cell in function.__closure__ or ()]
    return [one for one in values if isinstance(one, Dispatcher)]


def test_who_is_called_by_a_fast_kernel_names_its_own_flags() -> None:
    found = kernels()
    assert len(found) > 100
    fast = [one for one in found.values() if one.targetoptions.get("fastmath")]
    assert len(fast) > 20
    inherits = {
        f"{one.py_func.__name__}, called by {caller.py_func.__name__}"
        for caller in fast
        for one in called(caller)
        if "fastmath" not in one.targetoptions
    }
    assert inherits == set()
