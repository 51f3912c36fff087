"""Help texts: what is listed, what is suggested, and that nothing heavy is imported for them."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from crossvox.cli import main
from crossvox.cli.dispatch import split_command
from crossvox.cli.signature import interface, parse
from crossvox.recipes.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]

HEAVY = (
    "torch",
    "numba",
    "cv2",
    "scipy",
    "h5py",
    "trimesh",
    "matplotlib",
    "accelerate",
    "skimage",
    "jinja2",
)


def run(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    heavy = {*HEAVY, "tyro", "rich"}
    code = (
        "import sys; from crossvox.cli import main; main(['--help']); "
        f"print('imported:', sorted({heavy!r} & set(sys.modules)))"
    )
    result = run(code)
    assert "imported: []" in result.stdout
    for name, command in COMMANDS.items():
        assert name in result.stdout
        assert command.summary in result.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_of_a_command_imports_nothing_heavy(name: str) -> None:
    code = (
        "import sys; from crossvox.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print('imported:', sorted({set(HEAVY)!r} & set(sys.modules)))"
    )
    result = run(code, *name.split(), "--help")
    assert f"usage: crossvox {name}" in result.stdout
    assert "imported: []" in result.stdout


FIRST = """
import os, sys
from crossvox.cli import main

class First:
    def __init__(self, real):
        self.real = real

    def write(self, text):
        if text.strip():
            print("first:", text.strip(), sorted(HEAVY & set(sys.modules)), flush=True)
            os._exit(0)

    def __getattr__(self, name):
        return getattr(self.real, name)

sys.stderr = First(sys.stderr)
main(sys.argv[1:])
"""


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_says_that_it_lives_before_anything_heavy_is_imported(
    name: str,
) -> None:
    """Its process ends with the first word."""
    function = COMMANDS[name].load()
    kinds = inspect.signature(function).parameters.values()
    count = sum(p.kind is not p.KEYWORD_ONLY and p.default is p.empty for p in kinds)
    words = [f"nothing{n}" for n in range(count)]
    words += {"study segment3d": ["--run2d", "nothing"], "pack": ["--name", "x"]}.get(name, [])
    said = run(f"HEAVY = {set(HEAVY)!r}\n{FIRST}", *name.split(), *words).stdout
    assert f"first: {name}: loading []" in said


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_its_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*name.split(), "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"crossvox {name}" in text
    assert "Args:" not in text
    assert not re.search(r"``|:\w+:`", text), "mark-up of the API"
    for flag in ("--params FILE", "--dry-run", "--json [FILE]", "--quiet"):
        assert flag in text


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_parameter_has_a_help_text(name: str) -> None:
    function = COMMANDS[name].load()
    ask = interface(function)
    told = ask.__doc__ or ""
    for parameter in inspect.signature(ask).parameters:
        if parameter != "options":
            assert re.search(rf"^ +{parameter}: \w", told, re.MULTILINE), parameter
    assert ":class:" not in told
    assert "see " not in told.partition("Args:")[2]
    assert "{arms}" not in told


@pytest.mark.parametrize("group", ["train", "evaluate", "study", "import", "export"])
@pytest.mark.parametrize("more", [[], ["--help"], ["-h"]])
def test_the_first_word_of_commands_lists_them(
    group: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main([group, *more])
    except SystemExit as ended:  # the help of a command ends so
        code = ended.code
    assert code == 0
    listed = re.findall(rf"^  ({group} \w+)  ", capsys.readouterr().out, re.MULTILINE)
    assert listed == [name for name in COMMANDS if name.startswith(f"{group} ")]
    assert len(listed) >= 2


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["predcit"], "did you mean 'predict'?"),
        (["predcit", "run", "data"], "did you mean 'predict'?"),
        (["train", "segmnt3d"], "did you mean 'train segment3d'?"),
        (["trian", "reconstruct"], "did you mean 'train reconstruct'?"),
        (["trian"], "did you mean 'train'?"),
        (["train", "DATA", "RUN"], "train segment2d"),
        (["fly"], "crossvox --help lists all"),
    ],
)
def test_a_mistyped_command_suggests_the_nearest(
    words: list[str], suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert "error: no command is called" in said.err
    assert suggestion in said.err
    assert said.out == ""


def test_unknown_commands_and_flags_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "no command is called 'fly'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["score", "--wings", "2"])
    assert stop.value.code == 2


def test_flags_of_another_recipe_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "reconstruct", "data", "run"]
    for flags, told in (["--features", "run2d"], True), (["--wings", "2"], False):
        with pytest.raises(SystemExit) as stop:
            main([*words, *flags])
        assert stop.value.code == 2
        said = capsys.readouterr().err
        assert flags[0] in said
        assert ("--preset thesis takes these flags" in said) == told
    assert main([*words, "--preset", "nobody"]) == 2
    assert "needed: default3d, quick3d, thesis" in capsys.readouterr().err


def test_the_help_of_a_short_recipe_tells_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    from crossvox.recipes.complete import QUICK3D

    with pytest.raises(SystemExit):
        main(["train", "reconstruct", "--preset", "quick3d", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"The same for {QUICK3D.train.steps} steps, from default3d" in said


def test_two_word_commands_are_found() -> None:
    assert split_command(["train", "reconstruct", "a"]) == ("train reconstruct", ["a"])
    assert split_command(["score", "a", "b"]) == ("score", ["a", "b"])
    assert split_command(["train"]) is None


def test_flags_that_are_called_otherwise() -> None:
    function = COMMANDS["train segment3d"].load()
    words = ["data", "run", "--features", "a", "--from", "b", "--train.steps", "7"]
    asked = parse(function, "train segment3d", words).arguments
    assert asked["data"] == Path("data")
    assert asked["start"] == Path("b")
    assert asked["sources"].features == Path("a")
    assert asked["params"].train.steps == 7


def commands_of(file: str) -> list[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^ *(crossvox .*)$", "\n".join(blocks), re.MULTILINE)


@pytest.mark.parametrize("line", commands_of("README.md"))
def test_commands_of_the_readme_are_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    chosen = split_command(words)
    assert chosen is not None
    name, rest = chosen
    preset = ""
    if "--preset" in rest:
        at = rest.index("--preset")
        preset = rest[at + 1]
        del rest[at : at + 2]
    parse(COMMANDS[name].load(preset), name, rest)


@pytest.mark.parametrize("words", [[], ["train"], ["models"]])
def test_help_is_a_word_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for asked in (["help", *words], [*words, "--help"]):
        try:
            code: object = main(asked)
        except SystemExit as ended:
            code = ended.code
        assert code == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "crossvox" in said[0]
    assert main(["help", "fly"]) == 2
    assert main(["-V"]) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("module", ["crossvox", "crossvox.cli"])
def test_the_package_runs_as_a_module(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("words", [["--help"], ["rooms", "--help"]])
def test_help_into_a_closed_pipe_is_quiet(words: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "crossvox", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_threads_that_wait_sleep_however_the_package_is_used() -> None:
    code = (
        "import os; os.environ.pop('OMP_WAIT_POLICY', None); "
        "os.environ['OMP_DISPLAY_ENV'] = 'true'; "
        "import crossvox.flow.runner; import torch"
    )
    said = run(code).stderr
    if "OMP_WAIT_POLICY" not in said:
        pytest.skip("an OpenMP that does not tell its settings")
    assert re.search(r"OMP_WAIT_POLICY *= *'PASSIVE'", said)
    chosen = "import os; os.environ['OMP_WAIT_POLICY'] = 'ACTIVE'; import crossvox; "
    assert run(chosen + "print(os.environ['OMP_WAIT_POLICY'])").stdout == "ACTIVE\n"
