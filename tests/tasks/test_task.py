"""What all tasks have in common: validation asks nothing of an accelerator that it may lack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from crossvox.core.volume import Batch, ImageBatch
from crossvox.samples.sparse import SparseBatch
from crossvox.tasks.complete import Complete
from crossvox.tasks.params import (
    CompleteParams,
    CompletionNetworkParams,
    ReconstructParams,
    Segment2dParams,
    Segment3dParams,
)
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import Segment2d
from crossvox.tasks.segment3d import Segment3d
from crossvox.tasks.task import exact

SHAPE = (4, 4, 8)


class WithoutDouble(TorchDispatchMode):
    """The CPU in the part of an accelerator without float64.

    Its memory ends where values are copied out of it, as ``Tensor.cpu`` does here.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor) and value.dtype == torch.float64:
                raise TypeError(f"{func} made float64, which this accelerator has not")
        return made


class Left(Exception):
    """The values were moved to the CPU."""


def scene_batch() -> Batch:
    random = torch.Generator().manual_seed(0)
    pairs = 40
    return Batch(
        images=torch.randn(2, 2, 3, 16, 16, generator=random),
        view_ok=torch.ones(2, 2, dtype=torch.bool),
        voxel=torch.randint(128, (pairs,), generator=random),
        pixel=torch.randint(256, (pairs,), generator=random),
        view=torch.randint(2, (pairs,), generator=random),
        sample=torch.randint(2, (pairs,), generator=random),
        occupied=torch.rand(2, *SHAPE, generator=random) < 0.3,
        observed=torch.ones(2, *SHAPE, dtype=torch.bool),
        inside=torch.ones(2, *SHAPE, dtype=torch.bool),
        labels=torch.randint(41, (2, *SHAPE), generator=random),
    )


def reconstruct() -> tuple[Any, Any]:
    return Reconstruct(ReconstructParams(width=4, depth=1, views=2)), scene_batch()


def segment3d() -> tuple[Any, Any]:
    return Segment3d(Segment3dParams(width=4, depth=1, views=2)), scene_batch()


def segment2d() -> tuple[Any, Any]:
    images = torch.randn(2, 3, 32, 32)
    batch = ImageBatch(images, torch.randint(41, (2, 32, 32)))
    return Segment2d(Segment2dParams(network="enet")), batch


def complete() -> tuple[Any, Any]:
    network = CompletionNetworkParams(width=4, depth=1, widest=8)
    truth = torch.rand(2, *SHAPE) * 2 - 1
    batch = SparseBatch(torch.rand(2, 6, *SHAPE), truth, truth.abs() < 0.3)
    return Complete(CompleteParams(network=network)), batch


@pytest.mark.parametrize("make", [reconstruct, segment3d, segment2d, complete])
def test_validation_makes_no_double_on_the_device(
    make: Callable[[], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, batch = make()
    network = task.build().eval()
    expected = task.observe(network, batch)
    assert {value.dtype for value in expected.values()} == {torch.float64}
    assert {value.device.type for value in expected.values()} == {"cpu"}

    def leave(value: Tensor) -> Tensor:
        assert value.dtype in (torch.int64, torch.float32)
        raise Left

    monkeypatch.setattr(Tensor, "cpu", leave)
    with WithoutDouble(), pytest.raises(Left):
        task.observe(network, batch)


def test_counts_of_any_device_become_double_on_the_cpu() -> None:
    found = exact({"hits": torch.tensor(2**40 + 1), "sum": torch.tensor(0.1)})
    assert found["hits"].item() == 2**40 + 1
    assert found["sum"].item() == pytest.approx(0.1, abs=1e-8)
    assert {value.dtype for value in found.values()} == {torch.float64}
