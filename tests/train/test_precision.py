"""Which number format is used: what the processor has, and what was measured."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ParamsError
from crossvox.tasks.params import ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.train import precision
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.loop import train
from crossvox.train.params import TrainParams
from crossvox.train.precision import (
    choose_precision,
    cpu_bf16_gain,
    cpu_has_bf16,
    refuse_flat_volumes,
)


def never() -> Any:
    raise AssertionError("asked for nothing")


@pytest.mark.parametrize(("gain", "used"), [(2.0, "bf16"), (1.01, "no"), (0.1, "no")])
def test_bf16_on_a_cpu_is_used_where_it_was_measured_faster(gain: float, used: str) -> None:
    found = choose_precision("bf16", "cpu", supported=lambda: True, measure=lambda: gain)
    assert (found.used, found.gain) == (used, gain)
    assert found.note.startswith("bf16 (" if used == "bf16" else "float32 (bf16 was asked for")
    assert f"{gain:.2g} times" in found.note


def test_bf16_is_not_measured_where_the_processor_lacks_it() -> None:
    found = choose_precision("bf16", "cpu", supported=lambda: False, measure=never)
    assert (found.used, found.gain) == ("no", None)
    assert "does not have" in found.note


def test_fp16_is_never_used_on_a_cpu_and_nothing_is_asked_where_nothing_was() -> None:
    assert choose_precision("fp16", "cpu", supported=never, measure=never).used == "no"
    assert choose_precision("bf16", "mps", supported=never, measure=never).used == "no"
    for device in ("cpu", "cuda", "mps"):
        found = choose_precision("no", device, supported=never, measure=never)
        assert (found.used, found.note) == ("no", "float32")


@pytest.mark.parametrize("kept", ["no", "bf16"])
def test_a_run_goes_on_with_the_format_it_began_with(kept: Any) -> None:
    found = choose_precision("bf16", "cpu", kept=kept, supported=never, measure=never)
    assert found.used == kept


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 sse\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("flags\t\t: fpu avx2 avx512f\nbugs\t\t: bf16\n", False),
        ("", False),
    ],
)
def test_the_processor_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, there: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
    assert cpu_has_bf16() == there
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "none")
    assert not cpu_has_bf16()


def test_the_measurement_is_a_ratio_made_once_and_draws_nothing() -> None:
    before = torch.get_rng_state()
    gain = cpu_bf16_gain()
    assert gain > 0
    assert cpu_bf16_gain() == gain
    assert torch.equal(torch.get_rng_state(), before)


def test_volumes_whose_gradients_are_wrong_are_refused() -> None:
    network = torch.nn.Sequential(torch.nn.Conv3d(2, 2, 3, padding=1), torch.nn.Conv3d(2, 2, 1))
    refuse_flat_volumes(network)
    network(torch.zeros(1, 2, 3, 2, 2))
    with torch.no_grad():
        network(torch.zeros(1, 2, 2, 4, 4))
    with pytest.raises(ParamsError, match="3 voxels over a volume of 2"):
        network(torch.zeros(1, 2, 2, 4, 4))


SHAPE, VOXELS = (8, 8, 8), 512


class Numbers:
    """Numbers of batches."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: tuple[int, int]) -> int:
        return key[1]


def go(run: Path, room: Any, stop: int | None = None, **params: Any) -> Any:
    def watch(progress: Any) -> None:
        if progress.step == stop:
            signal.raise_signal(signal.SIGINT)

    return train(
        Reconstruct(ReconstructParams(views=2, width=4, depth=1)),
        Numbers(),
        room,
        run,
        replace(
            TrainParams(steps=4, batch_size=1, rate=0.01, warmup_steps=1, tensorboard=False),
            **{"device": "cpu", "mixed_precision": "bf16", **params},
        ),
        validation=Numbers(),
        progress=watch,
    )


def make_batch(numbers: list[int]) -> Any:
    from crossvox.core.volume import Batch

    random = torch.Generator().manual_seed(numbers[0])
    chosen = torch.randperm(2 * VOXELS, generator=random)[:100]
    occupied = torch.rand(1, *SHAPE, generator=random) < 0.3
    return Batch(
        images=torch.randn(1, 2, 3, 16, 24, generator=random),
        view_ok=torch.ones(1, 2, dtype=torch.bool),
        voxel=chosen % VOXELS,
        pixel=torch.randint(0, 16 * 24, (100,), generator=random),
        view=chosen // VOXELS,
        sample=torch.zeros(100, dtype=torch.long),
        occupied=occupied,
        observed=torch.ones_like(occupied),
        inside=torch.ones_like(occupied),
        labels=occupied.long(),
    )


def test_training_in_bf16_on_a_cpu_learns_the_like_and_resumes_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(precision, "cpu_bf16_gain", lambda: 3.0)
    go(tmp_path / "half", make_batch)
    notes = read_manifest(tmp_path / "half").notes
    assert notes["precision"].startswith("bf16 (")
    assert notes["bf16_gain"] == 3.0
    go(tmp_path / "run", make_batch, stop=2)
    # A measurement that now says otherwise does not change what is learnt.
    monkeypatch.setattr(precision, "cpu_bf16_gain", lambda: 0.2)
    assert go(tmp_path / "run", make_batch).resumed_from == 2
    go(tmp_path / "full", make_batch, mixed_precision="no")
    half, run, full = (
        load_checkpoint(tmp_path / name / "last") for name in ("half", "run", "full")
    )
    differs = False
    for name, value in half.network.items():
        assert torch.equal(value, run.network[name]), name
        assert value.dtype == full.network[name].dtype
        torch.testing.assert_close(value, full.network[name], rtol=0.1, atol=0.05)
        differs |= not torch.equal(value, full.network[name])
    assert differs, "bf16 was really used"
    assert (half.state["precision"], full.state["precision"]) == ("bf16", "no")
