"""The one rule for which device computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from crossvox.core.checks import ParamsError
from crossvox.doors.devices import pick_device


@pytest.fixture(params=[None, "cuda", "mps"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The accelerator that torch finds."""
    found = None if request.param is None else torch.device(request.param)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: found)
    return request.param


def test_auto_takes_the_accelerator_that_is_there(there: str | None) -> None:
    assert pick_device() == pick_device("auto") == (there or "cpu")


def test_what_is_there_may_be_named(there: str | None) -> None:
    assert pick_device("cpu") == "cpu"
    if there is not None:
        assert pick_device(there) == there
        assert pick_device(f"{there}:1") == f"{there}:1"


@pytest.mark.parametrize("asked", ["cuda", "mps", "cuda:1", "abacus"])
def test_what_is_not_there_is_refused(there: str | None, asked: str) -> None:
    if asked.partition(":")[0] == there:
        assert pick_device(asked) == asked
        return
    with pytest.raises(ParamsError, match=f"given: device {asked}; needed: .*cpu; do: pass auto"):
        pick_device(asked)
