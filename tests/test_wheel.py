"""What is built is what is shipped: the wheel holds the networks, and they work where it is put."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.capture.box_room import write_box_room

from crossvox.core.files import CARD, PARAMS
from crossvox.core.room_contents import RoomContents
from crossvox.doors.meshes import read_mesh
from crossvox.recipes.cards import read_card
from crossvox.recipes.shipped import FOLDER, shipped_runs
from crossvox.train.params import NETWORK, SELFTEST

pytest.importorskip("hatchling", reason="needs hatchling, the builder of the wheel")

ROOT = Path(__file__).resolve().parents[1]

MOST_BYTES = 14_000_000
"""Of all weights together."""

NO_NETWORK = """
import socket, sys

def refuse(*_):
    raise OSError("no network here")

socket.socket.connect = socket.getaddrinfo = refuse
from crossvox.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = out.glob("*.whl")
    return made


def test_the_wheel_holds_every_network_and_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        sizes = {info.filename: info.file_size for info in packed.infolist()}
        inside = FOLDER.relative_to(ROOT / "src").as_posix()
        for name in shipped_runs():
            for file in (PARAMS, CARD, SELFTEST, f"best/{NETWORK}"):
                content = packed.read(f"{inside}/{name}/{file}")
                assert content == (FOLDER / name / file).read_bytes()
    weights = {name: size for name, size in sizes.items() if name.endswith(NETWORK)}
    assert len(weights) == len(shipped_runs())
    assert sum(weights.values()) == sum(read_card(FOLDER / name).bytes for name in shipped_runs())
    assert sum(weights.values()) <= MOST_BYTES


@dataclass(frozen=True)
class Fresh:
    """An environment of its own with the wheel in it, and no network.

    Attributes:
        python: its interpreter.
        own: its folder of packages.
        home: where it is run: nothing of this repository is there.
    """

    python: Path
    own: Path
    home: Path

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run its Python with these words."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        asked = [str(self.python), *map(str, words)]
        return subprocess.run(asked, env=env, cwd=self.home, capture_output=True, text=True)


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    home = tmp_path_factory.mktemp("fresh")
    place = home / "env"
    venv.create(place, with_pip=False)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    install += ["--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, env=env, capture_output=True)
    # What it depends on is read where it is installed already; this package itself is not.
    own = next(place.glob("**/site-packages"))
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    _take_compiled_loops(own / "crossvox")
    return Fresh(python, own, home)


def _take_compiled_loops(package: Path) -> None:
    """What was compiled of the same sources is taken over: it need not be compiled twice."""
    for kept in (ROOT / "src" / "crossvox").rglob("__pycache__/*.nb[ic]"):
        folder = kept.parent.parent
        there = package / folder.relative_to(ROOT / "src" / "crossvox")
        (there / "__pycache__").mkdir(exist_ok=True)
        shutil.copy2(kept, there / "__pycache__")
        source = folder / f"{kept.name.partition('.')[0]}.py"
        if source.is_file():
            shutil.copystat(source, there / source.name)


def test_a_fresh_environment_without_a_network_tests_all_of_them(fresh: Fresh) -> None:
    done = fresh.run("-c", NO_NETWORK, "models", "--check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("passed") == len(shipped_runs())
    where = fresh.run("-c", "import crossvox; print(crossvox.__file__)").stdout
    assert Path(where.strip()).is_relative_to(fresh.own)


def test_a_capture_becomes_a_labelled_room_there(fresh: Fresh) -> None:
    room = write_box_room(fresh.home / "room", 8)
    words = ("--width", 80, "--height", 60, "--tsdf.voxel-m", 0.05, "--up", 0, 0, 1, "--no-page")
    done = fresh.run("-c", NO_NETWORK, "scan", room, fresh.home / "out", *words)
    assert done.returncode == 0, done.stderr
    mesh = read_mesh(fresh.home / "out" / "room.ply")
    assert mesh.labels is not None
    assert (mesh.labels > 0).mean() > 0.9
    RoomContents.read(fresh.home / "out" / "objects.json")
    assert (fresh.home / "out" / "floorplan.svg").is_file()
