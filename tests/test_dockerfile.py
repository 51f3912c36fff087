"""The Dockerfile builds what is here: files, versions, extras and commands agree with the rest."""

from __future__ import annotations

import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from crossvox.cli.dispatch import split_command
from crossvox.cli.signature import parse
from crossvox.recipes.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with what follows them, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines]


def of(kind: str) -> list[str]:
    return [rest for name, rest in instructions() if name == kind]


ARGUMENTS = dict(line.split("=", 1) for line in of("ARG"))


def version(text: str) -> list[int]:
    return [int(number) for number in text.split(".")]


def test_its_python_is_one_that_the_package_takes() -> None:
    least = PROJECT["requires-python"].removeprefix(">=")
    assert version(ARGUMENTS["PYTHON"]) >= version(least)
    assert all(line.startswith("python:${PYTHON}-slim") for line in of("FROM"))


def ignored(path: str) -> bool:
    """Whether a file is not sent to the builder: the last pattern that fits decides."""
    found = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        names = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
        if line and not line.startswith("#") and any(fnmatch(name, pattern) for name in names):
            found = not line.startswith("!")
    return found


def test_what_it_copies_is_there_and_is_sent_to_the_builder() -> None:
    copied = [name for line in of("COPY") for name in line.split()[:-1]]
    assert {"pyproject.toml", "src", PROJECT["readme"], *PROJECT["license-files"]} <= {*copied}
    for name in copied:
        assert (ROOT / name).exists()
        assert not ignored(name)
    for name in ("tests/test_docs.py", ".git/HEAD", "docs/install.md", ".venv/bin/python"):
        assert ignored(name), name
    assert ignored("src/crossvox/__pycache__/chunks.pyc")


def test_what_it_installs_is_what_the_package_asks_for() -> None:
    assert ARGUMENTS["EXTRAS"] in PROJECT["optional-dependencies"]
    assert re.fullmatch(r"https://download\.pytorch\.org/whl/cpu", ARGUMENTS["TORCH_INDEX"])
    (torch,) = [line for line in of("RUN") if "--index-url ${TORCH_INDEX}" in line]
    named = {"torch", "torchvision"}
    assert named <= {*torch.split()}
    assert named <= {re.split(r"[<>=\[]", one)[0] for one in PROJECT["dependencies"]}
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert f"pip install torch torchvision --index-url {ARGUMENTS['TORCH_INDEX']}" in page


def test_nobody_is_root_and_the_command_is_the_package() -> None:
    kinds = [name for name, _ in instructions()]
    (user,) = of("USER")
    assert user not in ("root", "0")
    assert kinds.index("USER") < kinds.index("ENTRYPOINT")
    assert of("ENTRYPOINT") == ['["crossvox"]']
    assert "crossvox" in PROJECT["scripts"]


def commands() -> list[str]:
    """Commands that the image runs, and those that the page on it names."""
    built = [part.strip() for line in of("RUN") for part in line.split("&&")]
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    ran = re.findall(r"^docker run .*? (crossvox .*)$", page, re.MULTILINE)
    assert len(ran) == 2
    return [*(line for line in built if line.startswith("crossvox ")), *ran]


@pytest.mark.parametrize("line", commands())
def test_its_commands_are_understood(line: str) -> None:
    chosen = split_command(shlex.split(line)[1:])
    assert chosen is not None
    name, rest = chosen
    parse(COMMANDS[name].load(), name, rest)


def test_the_page_names_its_arguments() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    for name in ARGUMENTS:
        assert f"`{name}`" in page
