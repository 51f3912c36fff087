"""Two processes that train together, started as ``torchrun`` starts them."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import crossvox
from crossvox.core.artifact import read_manifest
from crossvox.train.checkpoint import load_run_network
from crossvox.train.loop import train
from crossvox.train.processes import Processes
from crossvox.train.stream import validation_batches
from crossvox.train.validation import count

SCRIPT = Path(__file__).with_name("two_processes.py")
LIMIT_S = 120


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["two_processes"] = module
    spec.loader.exec_module(module)
    return module


script = load_script()
CASES = list(script.CASES)

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="needs torch with gloo, which lets processes on CPUs meet",
)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases, trained by two processes one after the other; hangs end in an error."""
    out = tmp_path_factory.mktemp("together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", str(port), str(SCRIPT), str(out), *CASES]
    paths = [str(Path(crossvox.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        try:
            told, _ = running.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            running.terminate()  # the launcher ends its processes
            told, _ = running.communicate(timeout=30)
            pytest.fail(f"two processes did not end in {LIMIT_S} s:\n{told[-3000:]}")
    assert running.returncode == 0, told[-3000:]
    return out


def result(out: Path, case: str, rank: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{case}.{rank}.json").read_text())
    return found


@pytest.mark.parametrize("case", CASES)
def test_both_end_with_the_same_weights(together: Path, case: str) -> None:
    one, other = (result(together, case, rank) for rank in range(2))
    assert one["step"] == other["step"] == script.CASES[case][2].steps
    task = script.CASES[case][0]
    torch.manual_seed(script.CASES[case][2].seed)
    fresh = task.build()
    for name, _ in fresh.named_parameters():
        assert one["weights"][name] == other["weights"][name], name
    moved = [
        name
        for name, parameter in fresh.named_parameters()
        if one["weights"][name] != parameter.tolist()
    ]
    images = any(name.startswith("image_network.") for name in moved)
    assert images == (task.params.features is not None and task.params.features.rate > 0)
    assert any(not name.startswith("image_network.") for name in moved)
    manifest = read_manifest(together / case)
    assert manifest.notes["processes"] == 2
    assert manifest.notes["stopped_by"] == "steps"


@pytest.mark.parametrize("case", CASES)
def test_validation_counts_what_one_process_counts(together: Path, case: str) -> None:
    task, rooms, params = script.CASES[case]
    pools = [result(together, case, rank)["pools"] for rank in range(2)]
    assert pools[0] == pools[1]
    network = task.build()
    load_run_network(together / case, network, "last")
    batches = [
        rooms.collate([rooms[key] for key in keys])
        for keys in validation_batches(len(rooms), params.batch_size)
    ]
    alone = count(task, network, batches, Processes("cpu", "no"))
    assert alone is not None
    found = pools[0][-1]
    assert found.keys() == alone.keys()
    for name, value in alone.items():
        if name.startswith("loss_sum"):
            assert found[name] == pytest.approx(float(value), rel=1e-5)
        else:
            assert found[name] == float(value), name


@pytest.mark.parametrize("case", ["colours", "learning features", "nothing seen"])
def test_two_learn_what_one_learns_of_the_same_batches(
    together: Path, tmp_path: Path, case: str
) -> None:
    task, rooms, params = script.CASES[case]
    train(
        task,
        rooms,
        rooms.collate,
        tmp_path / "alone",
        replace(params, accumulate=2 * params.accumulate),
        parameter_groups=task.parameter_groups,
    )
    network = task.build()
    load_run_network(tmp_path / "alone", network, "last")
    together_weights = result(together, case, 0)["weights"]
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(
            torch.tensor(together_weights[name]), parameter.detach(), rtol=1e-3, atol=1e-4
        )
