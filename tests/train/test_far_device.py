"""Training on a device that knows no float64."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossvox.core.volume import Score
from crossvox.tasks.params import FeatureParams, Segment2dParams, Segment3dParams
from crossvox.tasks.segment2d import Segment2d
from crossvox.tasks.segment3d import Segment3d
from crossvox.tasks.task import Losses
from crossvox.train import processes
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.loop import train
from crossvox.train.params import TrainParams


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


far, script = load("far_device"), load("two_processes")


@pytest.fixture
def far_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The loop finds this device, and only this one."""
    from accelerate import PartialState

    monkeypatch.setattr(processes, "pick_device", lambda asked: far.KIND)
    monkeypatch.setattr(PartialState, "default_device", torch.device(far.KIND))
    swaps = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with far.far_device():
            yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swaps)
        processes.forget_setup()


@dataclass
class Line:
    """Fits a line; counts in the numbers of its device, as a task may."""

    name: str = "line"
    monitor: str = "error"
    monitor_higher_is_better: bool = False
    devices: set[str] = field(default_factory=set)

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1))

    def loss(self, network: nn.Module, batch: Tensor) -> Losses:
        self.devices.add(batch.device.type)
        error = (network(batch) - batch[:, :1]).square().mean()
        return Losses(error, {"error": error.detach(), "same": error.detach()})

    def observe(self, network: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {
            "error": (network(batch) - batch[:, :1]).square().sum(),
            "count": torch.ones_like(batch[:, 0]).sum(),
        }

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        assert all(v.dtype == torch.float64 and v.device.type == "cpu" for v in counts.values())
        count = int(counts["count"])
        return [Score("error", float(counts["error"]) / count, "", count, "points", False, "toy")]


class Points:
    def __len__(self) -> int:
        return 6

    def __getitem__(self, key: tuple[int, int]) -> Tensor:
        return torch.randn(2, generator=torch.Generator().manual_seed(key[1]))


PARAMS = TrainParams(
    steps=4,
    batch_size=2,
    rate=0.01,
    warmup_steps=1,
    validate_every=2,
    max_minutes=10.0,
    tensorboard=False,
)


@pytest.mark.usefixtures("far_device")
def test_the_played_device_knows_no_float64() -> None:
    number = torch.ones(3).to(far.KIND)
    assert number.device.type == far.KIND
    assert number.sum().cpu().double() == 3
    for wrong in (
        lambda: number.double(),
        lambda: number.to("cpu", torch.float64),
        lambda: number.sum(dtype=torch.float64),
        lambda: torch.zeros(2, dtype=torch.float64, device=far.KIND),
        lambda: torch.ones(2, dtype=torch.float64).to(far.KIND),
    ):
        with pytest.raises(TypeError, match="float64"):
            wrong()
    with pytest.raises(RuntimeError, match="together"):
        number + torch.ones(3)


@pytest.mark.usefixtures("far_device")
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_the_loop_never_makes_a_float64_on_the_device(tmp_path: Path, clip: float) -> None:
    task = Line()
    params = replace(PARAMS, clip_norm=clip)
    report = train(task, Points(), torch.stack, tmp_path, params, validation=Points())
    assert task.devices == {far.KIND}
    assert (report.step, report.best_step is not None) == (4, True)
    again = train(task, Points(), torch.stack, tmp_path, params, validation=Points())
    assert again.already_finished
    saved = load_checkpoint(tmp_path / "last")
    assert all(value.device.type == "cpu" for value in saved.network.values())


def test_what_goes_between_processes_is_float32_or_on_the_cpu(
    far_device: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = processes.Processes("auto", "no")
    monkeypatch.setattr(found, "count", 2)
    monkeypatch.setattr(found._accelerator, "reduce", lambda value, how: value * 2)
    monkeypatch.setattr(found, "gather", lambda value: [value, value])
    assert found.any(False, True) == (False, True)
    assert found.mean({"a": 1.5}) == {"a": 3.0}
    total = found.total({"a": torch.ones((), dtype=torch.float32).to(far.KIND)})
    assert (total["a"].dtype, total["a"].device.type, float(total["a"])) == (
        torch.float64,
        "cpu",
        2.0,
    )


@pytest.mark.usefixtures("far_device")
@pytest.mark.parametrize("case", ["colours", "frozen features", "learning features", "proxy loss"])
def test_reconstruction_is_trained_and_validated_there(tmp_path: Path, case: str) -> None:
    task, rooms, params = script.CASES[case]
    report = train(
        task,
        rooms,
        rooms.collate,
        tmp_path,
        params,
        validation=rooms,
        parameter_groups=task.parameter_groups,
    )
    assert report.best_step is not None


@pytest.mark.usefixtures("far_device")
@pytest.mark.parametrize("features", [None, FeatureParams("enet", 128, 8)])
def test_3d_segmentation_is_trained_and_validated_there(tmp_path: Path, features: Any) -> None:
    task = Segment3d(Segment3dParams(views=2, width=4, depth=1, features=features))
    rooms = script.Rooms(5)
    report = train(task, rooms, rooms.collate, tmp_path, script.PARAMS, validation=rooms)
    assert report.best_step is not None


class Images:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: tuple[int, int]) -> int:
        return key[1]


def collate_images(numbers: list[int]) -> Any:
    from crossvox.core.volume import ImageBatch

    random = torch.Generator().manual_seed(numbers[0])
    return ImageBatch(
        images=torch.randn(len(numbers), 3, 64, 64, generator=random),
        labels=torch.randint(0, 41, (len(numbers), 64, 64), generator=random),
    )


@pytest.mark.usefixtures("far_device")
def test_2d_segmentation_is_trained_and_validated_there(tmp_path: Path) -> None:
    task = Segment2d(Segment2dParams(network="enet"))
    report = train(task, Images(), collate_images, tmp_path, script.PARAMS, validation=Images())
    assert report.best_step is not None
