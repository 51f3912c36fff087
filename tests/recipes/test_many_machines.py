"""Several processes, and machines, on one folder: what comes out is what one process makes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from walls import SMALL, command, write_wall

from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.flow import locks

NAMES = tuple(f"scene{number:04d}_00" for number in range(6))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``raw`` scans, and ``alone``: what one process prepares of them. Not to be changed.

    Other folders are to lie beside them: manifests hold paths from one to the other.
    """
    house = tmp_path_factory.mktemp("many")
    for grey, name in enumerate(NAMES, start=90):
        write_wall(house / "raw" / name, grey)
    command("prepare", house / "raw", house / "alone", *SMALL, "--workers", 1)
    return house


def begin(*words: object, **variables: str) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "crossvox", *(str(word) for word in words)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    text, _ = process.communicate(timeout=200)
    return process.returncode, text


def said(ends: list[tuple[int, str]]) -> str:
    """What processes said, whole."""
    return "\n".join(f"exit {code}: {text}" for code, text in ends)


def untimed(folder: Path) -> dict[str, Any]:
    """Everything below a folder, byte by byte, but times and machine in manifests."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or locks.FOLDER in path.parts:
            continue
        content: Any = path.read_bytes()
        if path.name == MANIFEST:
            content = json.loads(content)
            for key in ("seconds", "created", "machine", "check"):
                content.pop(key, None)
        found[path.relative_to(folder).as_posix()] = content
    return found


def test_shards_at_once_make_what_one_process_makes(house: Path) -> None:
    """One of them by the variables of a job array."""
    out, words = house / "shards", (*SMALL, "--workers", 1)
    array = {"ID": "12", "MIN": "10", "COUNT": "3", "STEP": "1"}
    shards = [
        begin("prepare", house / "raw", out, *words, "--shard", "1/3"),
        begin("prepare", house / "raw", out, *words, "--shard", "2/3"),
        begin(
            *("prepare", house / "raw", out, *words),
            **{f"SLURM_ARRAY_TASK_{name}": value for name, value in array.items()},
        ),
    ]
    ends = [ended(shard) for shard in shards]
    assert [code for code, _ in ends] == [0, 0, 0], said(ends)
    assert untimed(out) == untimed(house / "alone")


def test_of_two_kinds_on_one_folder_one_is_refused(house: Path) -> None:
    out = house / "kinds"
    both = [
        begin("prepare", house / "raw", out, *SMALL, "--workers", 1),
        begin("prepare", house / "raw", out, *SMALL, "--workers", 1, "--voxel-m", "0.1"),
    ]
    ends = [ended(process) for process in both]
    assert sorted(code for code, _ in ends) == [0, 2], said(ends)
    refused = next(text for code, text in ends if code == 2)
    assert "one identity for all items" in refused
    assert f"scenes: {len(NAMES)}" not in refused, "it made nothing"
    voxels = {read_manifest(out / name).params["params"]["voxel_m"] for name in NAMES}
    assert voxels == {read_manifest(out).params["voxel_m"]}
    assert sorted(read_manifest(out).items) == list(NAMES)


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes, of one core each, on this machine."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'crossvox[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.second = cluster.add_node(**node)
        yield cluster
        cluster.shutdown()


def test_a_node_that_dies_costs_nothing(house: Path, nodes: Any) -> None:
    out = house / "nodes"

    def kill() -> None:
        # Both nodes are at work when the first item is done.
        while not any((out / name / MANIFEST).is_file() for name in NAMES):
            time.sleep(0.01)
        nodes.remove_node(nodes.second, allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()
    process = begin(
        *("prepare", house / "raw", out, *SMALL, "--backend", "ray", "--workers", "2"),
        RAY_ADDRESS=nodes.address,
    )
    code, text = ended(process)
    assert code == 0, text
    assert "raylet" not in text, "what the cluster says of itself stays off the terminal"
    assert untimed(out) == untimed(house / "alone")
    command("prepare", house / "raw", out, *SMALL, "--workers", 1)
    assert untimed(out) == untimed(house / "alone")
