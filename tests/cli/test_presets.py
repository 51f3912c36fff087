"""``--preset``: which recipe a command is done by."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from crossvox.cli import main
from crossvox.cli.run import run
from crossvox.core.checks import ParamsError
from crossvox.recipes.commands import COMMANDS, Command, recipe


def usual(out: Path, *, size: int = 1) -> dict[str, object]:
    """The usual recipe.

    Args:
        out: where to.
        size: how much.
    """
    return {"recipe": "usual", "out": str(out), "size": size}


def other(out: Path, *, many: int = 2) -> dict[str, object]:
    """The other recipe.

    Args:
        out: where to.
        many: how many.
    """
    return {"recipe": "other", "out": str(out), "many": many}


@dataclass(frozen=True)
class Group:
    """Flags that belong together.

    Attributes:
        one: a number.
    """

    one: int = 1


def grouped(out: Path, *, size: int = 1, group: Group | None = None) -> dict[str, object]:
    """A recipe with a group of flags.

    Args:
        out: where to.
        size: how much.
        group: may be left out.
    """
    return {"out": str(out), "size": size, "group": None if group is None else group.one}


larger = recipe(grouped, "larger", "The same, larger.", size=9)
lone = recipe(grouped, "lone", "The same alone.", leave_out=("group",))

GROUPED = Command(
    "make groups",
    f"{__name__}:grouped",
    "a test",
    presets={name: f"{__name__}:{name}" for name in ("grouped", "larger", "lone")},
)

COMMAND = Command(
    "make thing",
    f"{__name__}:usual",
    "a test",
    presets={"usual": f"{__name__}:usual", "other": f"{__name__}:other"},
)
PLAIN = Command("make plain", f"{__name__}:usual", "a test")


def result(tmp_path: Path, *words: str, command: Command = COMMAND) -> dict[str, object]:
    path = tmp_path / "result.json"
    assert run(command, [*words, "--json", str(path)]) == 0
    found: dict[str, object] = json.loads(path.read_text())
    path.unlink()
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("--preset", "other", "place"),
        ("--preset=other", "place"),
        ("place", "--preset", "other"),
        ("place", "--many", "2", "--preset=other"),
    ],
)
def test_a_preset_stands_anywhere(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert result(tmp_path, *words) == {"recipe": "other", "out": "place", "many": 2}


def test_without_one_it_is_the_usual_recipe(tmp_path: Path) -> None:
    expected = {"recipe": "usual", "out": "place", "size": 3}
    assert result(tmp_path, "place", "--size", "3") == expected
    assert result(tmp_path, "place", "--size", "3", "--preset", "usual") == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("place", "--preset", "third"), "given: --preset third; needed: usual, other; do: "),
        (("place", "--preset=third"), "given: --preset third; needed: usual, other; do: "),
        (("place", "--preset"), "given: --preset without a name; needed: one of usual, other"),
        (("place", "--preset="), "given: --preset without a name; needed: one of usual, other"),
        (("place", "--preset", "--size", "3"), "given: --preset without a name"),
        (("place", "--preset", "other", "--preset", "usual"), "given: --preset twice"),
        (("place", "--preset", "other", "--size", "3"), "--preset usual takes these flags"),
        (("place", "--many", "3"), "--preset other takes these flags"),
    ],
)
def test_a_wrong_preset_is_refused_in_words(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = run(COMMAND, words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    error = " ".join(capsys.readouterr().err.split())
    assert code == 2
    assert told in error
    assert "Traceback" not in error


def test_a_command_without_presets_takes_none(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = run(PLAIN, ["place", "--preset", "other"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    assert code == 2
    error = capsys.readouterr().err
    assert "--preset" in error
    assert "Traceback" not in error
    with pytest.raises(ParamsError, match="this command has none"):
        PLAIN.load("other")


def test_every_preset_can_be_loaded_and_the_first_is_what_is_done_without() -> None:
    some = 0
    for command in COMMANDS.values():
        for preset in command.presets:
            assert callable(command.load(preset))
            some += 1
        if command.presets:
            assert command.load() is command.load(next(iter(command.presets)))
    assert some >= 3


def test_help_of_a_preset_shows_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> str:
        with suppress(SystemExit):
            main(["train", "reconstruct", *words, "--help"])
        return capsys.readouterr().out

    assert "--sparse.most" in told()
    assert "--chunks.shape" in told("--preset", "thesis")
    assert "--sparse.most" not in told("--preset=thesis")


def test_a_recipe_is_its_function_with_other_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert larger(Path("here")) == {"out": "here", "size": 9, "group": None}
    assert larger(Path("here"), size=2)["size"] == 2
    words = ("place", "--preset", "larger")
    assert result(tmp_path, *words, command=GROUPED)["size"] == 9
    assert result(tmp_path, *words, "--size", "3", command=GROUPED)["size"] == 3
    with pytest.raises(TypeError):
        lone(Path("here"), group=Group())
    with pytest.raises(SystemExit):
        run(GROUPED, ["--preset", "lone", "--help"])
    told = capsys.readouterr().out
    assert "The same alone." in told
    assert "how much" in told
    assert "--group.one" not in told


def test_a_group_of_flags_is_none_unless_one_of_them_is_given(tmp_path: Path) -> None:
    assert result(tmp_path, "place", command=GROUPED)["group"] is None
    # Also the default, where it is given.
    assert result(tmp_path, "place", "--group.one", "1", command=GROUPED)["group"] == 1
    assert result(tmp_path, "place", "--group.one=4", command=GROUPED)["group"] == 4
