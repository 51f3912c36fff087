"""Networks of the package: their cards are true, their sets are told, and lists load nothing."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossvox.cli import main
from crossvox.cli.dispatch import split_command
from crossvox.cli.signature import parse
from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.files import CARD, PARAMS
from crossvox.recipes import shipped
from crossvox.recipes.calibrate import CALIBRATION
from crossvox.recipes.card_text import card_text, models_page
from crossvox.recipes.cards import Card, open_fields, read_card
from crossvox.recipes.commands import COMMANDS
from crossvox.recipes.pack_run import shareable
from crossvox.recipes.shipped import (
    FOLDER,
    SETS,
    ShippedSet,
    find_run,
    sets_of,
    shipped_runs,
    shipped_set,
)
from crossvox.train.folder import lineage_of, read_record
from crossvox.train.params import NETWORK, SELFTEST
from crossvox.train.selftest import sha256_of

ROOT = Path(__file__).resolve().parents[2]

MOST_BYTES = 14_000_000
"""Of all weights in the package."""

RUNS = shipped_runs()


@pytest.mark.parametrize("name", RUNS)
def test_what_a_card_tells_of_its_files_is_so(name: str) -> None:
    run, card = FOLDER / name, read_card(FOLDER / name)
    weights = run / "best" / NETWORK
    assert card.name == name
    assert card.task == read_record(run).task
    assert card.seed == read_record(run).params.seed
    assert card.bytes == weights.stat().st_size
    assert card.sha256 == sha256_of(weights)
    files = {path.name for path in run.iterdir()} - {CALIBRATION}
    assert files == {"best", CARD, PARAMS, SELFTEST}
    assert (run / SELFTEST).stat().st_size < 500_000
    assert sets_of(name), "every run that is shipped belongs to a set"
    assert lineage_of(run).scenes or "free" not in sets_of(name)
    assert shareable(read_json(run / PARAMS), "")[1] == 0, "no path of anybody's disk"


@pytest.mark.parametrize("name", RUNS)
def test_digest_parameters_and_self_test_pass(name: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["models", name, "--check"]) == 0
    assert "passed" in capsys.readouterr().out


@pytest.mark.parametrize("name", RUNS)
def test_the_recipe_of_a_card_is_made_of_commands_that_there_are(name: str) -> None:
    for line in read_card(FOLDER / name).recipe:
        program, *words = shlex.split(line)
        assert program == "crossvox"
        chosen = split_command(words)
        assert chosen is not None, line
        command = COMMANDS[chosen[0]]
        preset = ""
        rest = list(chosen[1])
        if "--preset" in rest:
            at = rest.index("--preset")
            preset = rest[at + 1]
            del rest[at : at + 2]
        asked = parse(command.load(preset), command.name, rest, by_item=command.by_item)
        assert asked.arguments


def test_all_weights_together_are_small() -> None:
    assert sum(read_card(FOLDER / name).bytes for name in RUNS) <= MOST_BYTES


def test_the_page_of_the_documentation_is_what_the_cards_tell(tmp_path: Path) -> None:
    page = tmp_path / "models.md"
    assert main(["models", "--page", str(page)]) == 0
    there = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == there, "crossvox models --page docs/models.md"
    assert main(["models", "--page", str(page)]) == 0, "its own page is written again"
    other = tmp_path / "notes.md"
    other.write_text("# Mine\n")
    assert main(["models", "--page", str(other)]) == 2
    assert other.read_text() == "# Mine\n"


def test_lists_and_cards_load_no_torch(tmp_path: Path) -> None:
    for words in (["models"], ["models", "default3d"]):
        code = (
            "import sys; from crossvox.cli import main; main(sys.argv[1:]); "
            "print('torch' in sys.modules, 'safetensors' in sys.modules)"
        )
        listed = [
            sys.executable,
            "-c",
            code,
            *words,
            "--json",
            str(tmp_path / f"{len(words)}.json"),
        ]
        out = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        assert out.splitlines()[-1] == "False False"
        assert "default3d" in out
    found = json.loads((tmp_path / "1.json").read_text())
    assert [model["name"] for model in found["models"]] == list(RUNS)
    assert json.loads((tmp_path / "2.json").read_text())["card"]["sha256"]


def test_sets_name_their_members_and_tell_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped_set("none") == ShippedSet("none")
    assert shipped_set("none").missing == ()
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    for name in ("default3d", "default2d"):
        (tmp_path / name).mkdir()
        (tmp_path / name / PARAMS).write_text("{}")
    found = shipped_set("default")
    assert (found.images, found.rooms) == (tmp_path / "default2d", tmp_path / "default3d")
    assert found.labels is None
    assert found.missing == ("labels3d",)
    assert "labels3d" in found.remark
    assert "only votes" in found.remark
    assert shipped_set("free").missing == ("free2d", "free-labels3d")
    (tmp_path / "labels3d").mkdir()
    (tmp_path / "labels3d" / PARAMS).write_text("{}")
    assert shipped_set("default").remark == ""
    with pytest.raises(ParamsError, match="did you mean 'default'"):
        shipped_set("defalt")
    assert {member for roles in SETS.values() for member in roles} == {"images", "rooms", "labels"}


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match="did you mean 'default3d'"):
        find_run(Path("defualt3d"))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER / "default3d", tmp_path / "default3d"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"parameters": 7}, "7"),
        ({"licence": ""}, "licence"),
        ({"name": "Default 3D"}, "name"),
        ({"unheard": 1}, "unheard"),
        ({"scores": "good"}, "scores"),
    ],
)
def test_a_card_that_is_wrong_is_told(
    copied: Path, change: dict[str, Any], told: str, capsys: pytest.CaptureFixture
) -> None:
    write_json(copied / CARD, {**read_json(copied / CARD), **change})
    code = main(["models", str(copied), "--check"])
    said = capsys.readouterr()
    assert code == 2
    assert told in said.out + said.err
    assert "Traceback" not in said.err


def test_a_run_with_damaged_weights_predicts_nothing(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    weights = copied / "best" / NETWORK
    content = bytearray(weights.read_bytes())
    content[-5] ^= 64
    weights.write_bytes(content)
    assert main(["models", str(copied), "--check"]) == 2
    (copied / SELFTEST).unlink()
    assert main(["models", str(copied), "--check"]) == 2
    assert "SHA-256" in capsys.readouterr().out


def test_open_fields_of_a_card_are_named_with_their_place() -> None:
    card = read_card(FOLDER / "default3d")
    assert open_fields(card) == []
    half = replace(card, title="", data=(replace(card.data[0], terms=""),), limits=("", "one"))
    assert open_fields(half) == ["title", "data.0.terms", "limits.0"]
    with pytest.raises(ParamsError, match=r"title, data\.0\.terms, limits\.0 are empty"):
        half.expect_complete()
    assert "start" not in open_fields(Card())


def test_a_card_that_lacks_something_is_no_card(copied: Path) -> None:
    write_json(copied / CARD, plain(replace(read_card(copied), limits=())))
    with pytest.raises(ArtifactError, match="limits is empty"):
        read_card(copied)


def test_a_card_as_text_tells_all_that_it_holds() -> None:
    card = read_card(FOLDER / "default3d")
    text = card_text(card)
    for part in (card.title, card.licence, card.sha256, *card.recipe, *card.limits):
        assert part in text
    for score in card.scores:
        assert f"{score.value:.3f}" in text
        assert f"{score.baseline_value:.3f}" in text
    assert card_text(card, "##") in models_page([card])
