"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from crossvox.flow.progress import Silent, Watch
from crossvox.flow.runner import Runner

ROOT = Path(__file__).resolve().parents[1]

# First examples compile, and machines are slow or busy: how long one takes is no fault.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Every core has a worker already. Threads of OpenMP beside it would wait for each other, and
    # busily: that doubles the time of the tests. Read when torch is first imported, which is later.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _no_rates_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor write how long things take on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def no_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test is told of times does not hang on the tests before it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real captures and reference cases; tests that use it are marked ``realdata``."""
    folder = Path(os.environ.get("CROSSVOX_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"needs reference data in {folder}, which is not there")
    return folder


@pytest.fixture(scope="session")
def published() -> Path:
    """Folder with facts of the published pipeline that hold no capture; see its README."""
    return Path(__file__).with_name("golden")


@pytest.fixture(scope="session")
def enet_state(published: Path) -> dict[str, Any]:
    """Weights of the published ENet: a seed's, with running means and variances from its file."""
    import numpy as np
    import torch

    from crossvox.networks import build_network2d

    with torch.random.fork_rng(), np.load(published / "enet_norms.npz") as norms:
        torch.manual_seed(0)
        state = build_network2d("enet", 41).state_dict()
        return {**state, **{name: torch.from_numpy(norms[name]) for name in norms.files}}


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """Folder with numeric reference cases that were made from real captures."""
    return shared / "golden"


@pytest.fixture(scope="session")
def redkitchen(shared: Path) -> Path:
    """A real capture: 100 frames of a kitchen."""
    return shared / "data" / "redkitchen"


@pytest.fixture(scope="session")
def watching() -> Callable[[Watch], Runner]:
    """Makes a runner whose trainings call a function with every step."""

    def runner(watch: Watch) -> Runner:
        class Watcher(Silent):
            def training(self, label: str = "train") -> Watch:
                return watch

        return Runner(Watcher())

    return runner
