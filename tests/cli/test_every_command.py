"""What every command does alike: ``--json``, ``--quiet``, and the command that comes after it."""

from __future__ import annotations

import inspect
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossvox.cli import main
from crossvox.cli.dispatch import split_command
from crossvox.cli.following import following
from crossvox.cli.signature import parse
from crossvox.core.checks import CrossvoxError
from crossvox.recipes.commands import COMMANDS, Command
from crossvox.train.folder import make_record
from crossvox.train.params import TrainParams

NEEDED = {
    "study segment3d": ["--run2d", "nothing"],
    "pack": ["--name", "x"],
}


@dataclass(frozen=True)
class Done:
    """What came of nothing."""

    out: Path
    share: float = float("nan")


def words_of(name: str) -> list[str]:
    """Words that a command understands: every path that it asks for, and what it needs."""
    kinds = inspect.signature(COMMANDS[name].load()).parameters.values()
    count = sum(p.kind is not p.KEYWORD_ONLY and p.default is p.empty for p in kinds)
    return [*(f"path{n}" for n in range(count)), *NEEDED.get(name, [])]


def loud(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same command line, behind which nothing is done, loudly."""

    @wraps(function)
    def does_nothing(*given: Any, runner: Any = None, progress: Any = None, **named: Any) -> Done:
        print("a library prints")
        watch = progress or runner.progress if runner or progress else None
        if watch is not None:
            watch.say("at work")
            watch.step("frames")(1, 1)
        return Done(Path("there"))

    return does_nothing


@pytest.fixture
def nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Command.load
    monkeypatch.setattr(Command, "load", lambda self, preset="": loud(real(self, preset)))


@pytest.mark.usefixtures("nothing_done")
@pytest.mark.parametrize("name", list(COMMANDS))
def test_json_without_a_file_has_standard_output_for_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), *words_of(name), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"out": "there", "share": None}
    assert "a library prints" in said.err
    assert "there" in said.err, "the table joins the remarks"


@pytest.mark.usefixtures("nothing_done")
@pytest.mark.parametrize("name", list(COMMANDS))
def test_quiet_prints_nothing_but_the_json_that_was_asked_for(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*name.split(), *words_of(name), "--quiet"]
    assert main(words) == 0
    assert capfd.readouterr() == ("", "")
    assert main([*words, "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out)["out"] == "there"
    assert said.err == ""


@pytest.mark.parametrize(
    "words", [["models"], ["models", "default2d"], ["study", "quick", "--show"]]
)
def test_quiet_leaves_the_answer_of_what_only_tells(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--quiet"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 3
    assert said.err == ""
    assert main([*words, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_what_has_labels_is_scored_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crossvox.flow.lineage import LEARNT_FROM
    from crossvox.recipes.predict import PredictReport

    monkeypatch.chdir(tmp_path)
    for there in ("out", "data"):
        Path(there).mkdir()
    given = {"out": Path("out"), "data": Path("data")}
    for labelled, task in ((Path("out"), "segment3d"), (None, "reconstruct")):
        report = PredictReport({"a": {}}, (), (), labelled)
        told = following(COMMANDS["predict"], given, report)
        assert told == f"crossvox evaluate {task} out data"
        learnt = replace(report, scenes={"a": {LEARNT_FROM: True}})
        assert following(COMMANDS["predict"], given, learnt) == "crossvox view out"


def test_a_run_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(tmp_path / "gone")
    for words in (["pack", gone, "x"], ["predict", gone, "data", "x"]):
        assert main(words) == 2
        assert f"run {gone}, which does not exist" in capsys.readouterr().err


def test_what_may_be_left_out_is_no_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["scan", "room", "out", "--completion", "whole"])
    told = "".join(c for c in capsys.readouterr().err if c not in "\n │")
    assert "Expectedoneof('none','safe','full')" in told


def test_quiet_tells_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tmp_path / "nowhere"), "--quiet", "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: given: ")
    assert said.err.count("\n") == 1


def test_quiet_leaves_the_table_of_a_command_that_only_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--quiet"]) == 0
    assert "default2d" in capsys.readouterr().out
    page = tmp_path / "models.md"
    assert main(["models", "--quiet", "--page", str(page)]) == 0
    assert capsys.readouterr() == ("", "")
    assert "default2d" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_json_names_a_file_where_one_follows(place: int, tmp_path: Path) -> None:
    words = ["models", "default2d", "--quiet"]
    out = tmp_path / "card.json"
    words[place + 1 : place + 1] = ["--json", str(out)]
    assert main(words) == 0
    assert "default2d" in json.loads(out.read_text())["text"]


def test_json_in_front_of_a_path_takes_it_for_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["info", "--json", str(tmp_path)])
    assert stop.value.code == 2
    assert "--json took" in capsys.readouterr().err


def test_a_dry_run_is_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rooms", str(tmp_path / "raw"), "--count", "3", "--dry-run", "--json"]
    assert main(words) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [one["status"] for one in plan] == ["make"] * 3


class _Anything:
    """A result with every field."""

    def __getattr__(self, name: str) -> Path:
        return Path("my results")


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.then])
def test_the_next_command_is_one_that_is_understood(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command, words = COMMANDS[name], words_of(name)
    for there in (*words, "a b", "c", "my results"):
        Path(there).mkdir()
    asked = parse(command.load(), name, words).arguments
    several = {key: (Path("a b"), Path("c")) for key in ("folders", "captures") if key in asked}
    rest = {key: Path("a b") for key in ("data", "images", "labels") if key in asked}
    told = following(command, {**asked, **rest, **several}, _Anything())
    program, *words = shlex.split(told)
    assert program == "crossvox"
    chosen = split_command(words)
    assert chosen is not None
    name, rest_words = chosen
    preset = ""
    if "--preset" in rest_words:
        at = rest_words.index("--preset")
        preset = rest_words[at + 1]
        del rest_words[at : at + 2]
    parse(COMMANDS[name].load(preset), name, rest_words)


def test_the_next_command_has_the_paths_that_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for there in ("my data", "run", "i", "l"):
        Path(there).mkdir()
    command = COMMANDS["train segment2d"]
    folders = (Path("my data"), Path("run"))
    (folders[0] / "val.txt").write_text("scene0000_00\n")
    told = following(command, {"folders": folders}, None)
    assert told == "crossvox evaluate segment2d run 'my data'"
    images = {"folders": (Path("run"),), "images": Path("i"), "labels": Path("l")}
    told = following(command, images, None)
    assert told == "crossvox evaluate segment2d run --images i --labels l"
    assert following(command, {**images, "labels": None}, None) == ""
    assert following(COMMANDS["models"], {"name": None}, None) == ""


@pytest.mark.parametrize("name", ["train reconstruct", "train segment2d", "train segment3d"])
def test_a_run_whose_data_is_gone_leads_to_its_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, run = Path("data"), Path("run")
    run.mkdir()
    asked = {"data": data, "run": run, "folders": (data, run)}
    kept = SimpleNamespace(run=run)
    assert following(COMMANDS[name], asked, kept) == "crossvox report run run_page"
    data.mkdir()
    (data / "val.txt").write_text("scene0000_00\n")
    assert "data" in following(COMMANDS[name], asked, kept)


def test_a_run_of_labels_in_3d_corrects_those_of_a_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"data": Path("data"), "run": Path("run")}
    for folder in asked.values():
        folder.mkdir()
    record = make_record("label3d", {}, TrainParams(), samples={})
    (asked["run"] / "params.json").write_text(json.dumps(record))
    told = following(COMMANDS["train segment3d"], asked, SimpleNamespace(run=asked["run"]))
    assert told == "crossvox predict default3d data run_predicted --labels3d run --scenes all"


def test_what_cannot_be_shown_is_not_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.recipes.frames import FramesReport
    from crossvox.recipes.pack import PackReport

    monkeypatch.chdir(tmp_path)
    out = Path("out")
    out.mkdir()
    packed = PackReport(out, 1, "", ("title",), 0)
    assert following(COMMANDS["pack"], {}, packed) == ""
    assert following(COMMANDS["pack"], {}, replace(packed, open=())) == "crossvox models out"
    curve = FramesReport(None, out / "curve.json")  # type: ignore[arg-type]
    assert following(COMMANDS["evaluate frames"], {"out": out}, curve) == ""
    (out / "manifest.json").touch()
    told = following(COMMANDS["evaluate frames"], {"out": out}, curve)
    assert told == "crossvox report out out_page"


def test_what_asks_for_held_out_scenes_comes_next_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, run = Path("data"), Path("run")
    asked = {"out": data, "data": data, "run": run, "folders": (data, run)}
    kept = SimpleNamespace(run=run)
    for folder in (data, run):
        folder.mkdir()

    def then(name: str) -> str:
        return following(COMMANDS[name], asked, kept).removeprefix("crossvox ")

    (data / "val.txt").touch()
    assert then("prepare") == "train reconstruct data data_run --validation-scenes none"
    assert then("train segment3d") == "predict run data run_predicted --scenes all"
    assert then("train segment2d") == "report run run_page"
    (data / "val.txt").write_text("scene0000_00\n")
    assert then("prepare") == "train reconstruct data data_run"
    assert then("train segment3d") == "predict run data run_predicted"
    assert then("train segment2d") == "evaluate segment2d run data"
    (data / "val.txt").unlink()
    (data / "images" / "valset").mkdir(parents=True)
    assert then("train segment2d") == "report run run_page"
    (data / "images" / "valset" / "1.jpg").touch()
    assert then("train segment2d") == "evaluate segment2d run data"


def test_scores_of_images_lead_to_the_page_of_the_run_that_they_lie_in(tmp_path: Path) -> None:
    from crossvox.recipes.segment2d import Segment2dEvaluation

    def then(out: Path) -> str:
        scored = Segment2dEvaluation((), 1, {}, [], (), {}, out)
        return following(COMMANDS["evaluate segment2d"], {"run": Path("default2d")}, scored)

    run = tmp_path / "run"
    assert then(run / "evaluation") == "", "no run"
    run.mkdir()
    (run / "params.json").touch()
    assert then(run / "evaluation") == f"crossvox report {run} {run}_page"
    assert then(run / "elsewhere") == then(tmp_path / "ev") == ""


def test_a_page_leads_to_its_rooms_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.report.page.compare_page import ComparisonReport
    from crossvox.report.page.write import PageReport

    monkeypatch.chdir(tmp_path)
    Path("my pred").mkdir()
    page = PageReport(Path("page/index.html"), 1, (), ("a",), ("a",), (), Path("my pred"))
    assert following(COMMANDS["report"], {}, page) == "crossvox view 'my pred'"
    assert following(COMMANDS["report"], {}, replace(page, room=None)) == ""
    both = ComparisonReport((), page)
    assert following(COMMANDS["compare"], {}, both) == "crossvox view 'my pred'"


def test_exported_files_are_scored_where_their_data_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.recipes.scannet import ScannetExport

    monkeypatch.chdir(tmp_path)
    for there in ("files", "data"):
        Path(there).mkdir()
    export = ScannetExport("prediction", {}, {}, (), Path("files"), Path("data"))
    told = following(COMMANDS["export scannet"], {}, export)
    assert told == "crossvox evaluate scannet files data"
    assert following(COMMANDS["export scannet"], {}, replace(export, data=None)) == ""


def failing(*, progress: Any = None) -> None:
    """Fail."""
    raise CrossvoxError("given: this; needed: that; do: something")


def test_what_failed_has_no_next_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crossvox.cli.run import run

    monkeypatch.setitem(sys.modules, "failing", sys.modules.get(__name__) or _module())
    command = Command("fail", "failing:failing", "", then=("view out",))
    assert run(command, []) == 2
    assert "next:" not in capsys.readouterr().err


def _module() -> Any:
    import types

    module = types.ModuleType("failing")
    module.__dict__.update(globals())
    return module
