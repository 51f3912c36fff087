"""What is built is what is shipped: the wheel holds the networks, and they work where it is put."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from crossvox.recipes.cards import CARD, read_card
from crossvox.recipes.shipped import FOLDER, shipped_runs
from crossvox.train.params import NETWORK, PARAMS, SELFTEST

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


def test_a_fresh_environment_without_a_network_tests_all_of_them(
    wheel: Path, tmp_path: Path
) -> None:
    place = tmp_path / "env"
    venv.create(place, with_pip=False)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    install += ["--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, env=env, capture_output=True)
    # What it depends on is read where it is installed already; this package itself is not.
    own = next(place.glob("**/site-packages"))
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    asked = [str(python), "-c", NO_NETWORK, "models", "--check"]
    done = subprocess.run(asked, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("passed") == len(shipped_runs())
    where = subprocess.run(
        [str(python), "-c", "import crossvox; print(crossvox.__file__)"],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(own)
