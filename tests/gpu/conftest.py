"""The device that these tests are about."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session")
def accelerator() -> str:
    """``cuda`` or ``mps``."""
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        pytest.skip("needs a GPU, and torch finds none")
    return found.type


@pytest.fixture(scope="session")
def cuda(accelerator: str) -> str:
    """``cuda``."""
    if accelerator != "cuda":
        pytest.skip(f"needs CUDA; here is {accelerator}")
    return accelerator


@pytest.fixture(scope="session")
def mps(accelerator: str) -> str:
    """``mps``."""
    if accelerator != "mps":
        pytest.skip(f"needs an Apple GPU; here is {accelerator}")
    return accelerator
