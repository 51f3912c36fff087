"""``--preset``: which recipe a command is done by."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from crossvox.cli import main
from crossvox.cli.run import run
from crossvox.core.checks import ParamsError
from crossvox.recipes.commands import COMMANDS, Command


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


COMMAND = Command(
    "make thing",
    f"{__name__}:usual",
    "a test",
    presets={"usual": f"{__name__}:usual", "other": f"{__name__}:other"},
)
PLAIN = Command("make plain", f"{__name__}:usual", "a test")


def result(tmp_path: Path, *words: str) -> dict[str, object]:
    path = tmp_path / "result.json"
    assert run(COMMAND, [*words, "--json", str(path)]) == 0
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
