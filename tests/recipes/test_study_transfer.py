"""A transfer study by command: shared runs, single cells, what is interrupted and what is added."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from walls import CELLS, command

from crossvox.cli import main
from crossvox.core.artifact import write_json
from crossvox.flow.lineage import scene_list
from crossvox.flow.progress import Silent
from crossvox.flow.runner import Runner
from crossvox.recipes.status import status
from crossvox.recipes.study.causes_study import write_causes
from crossvox.recipes.study.scenes import SceneStudy
from crossvox.recipes.study.transfer import TransferReport, find_design, study
from crossvox.samples.label_budget import labelled_rooms
from crossvox.samples.params import LabelParams
from crossvox.samples.source import load_source
from crossvox.study.design_file import design_text
from crossvox.study.transfer import Description
from crossvox.train.folder import read_record
from crossvox.views.params import ViewParams

DESIGN: dict[str, Any] = {
    "name": "small",
    "title": "Does one help the other?",
    "seeds": 1,
    "params": CELLS,
    "targets": {
        "reconstruct": {"cells": ["segmentation", "rgb"]},
        "segment3d": {
            "cells": [
                "scratch",
                {"name": "from-reconstruction", "start": "reconstruct/segmentation"},
            ]
        },
    },
    "contrasts": [
        {
            "name": "start",
            "target": "segment3d",
            "arm": "from-reconstruction",
            "control": "scratch",
            "question": "Does it?",
        }
    ],
}
START = "segment3d/from-reconstruction"


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "design.yaml"
    path.write_text(yaml.safe_dump({**DESIGN, **changes}))
    return path


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def given(work: Path) -> list[object]:
    return ["--data", work / "data", "--run2d", work / "run2d"]


def scores(out: Path, item: str) -> Any:
    target, arm, seed = item.split("/")
    record = load(out / target / "results" / arm / f"{seed}.json")
    return record["scores"], record["counts"], record["index"]


def runs(store: Path) -> set[str]:
    return {path.name for path in (store / "runs").iterdir() if not path.name.startswith(".")}


@pytest.fixture(scope="module")
def work(three_rooms: Path) -> Path:
    return three_rooms


@pytest.fixture(scope="module")
def out(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """First one cell alone, then all of the design."""
    folder = tmp_path_factory.mktemp("transfer")
    design, out = written(folder), folder / "out"
    command("study", design, out, *given(work), "--cells", START)
    assert [path.parent.name for path in out.glob("*/results/*/*.json")] == ["from-reconstruction"]
    first = runs(out / "store")
    assert len(first) == 2, "the cell and what it starts from"
    command("study", design, out, *given(work), "--json", folder / "report.json")
    assert runs(out / "store") > first
    return out


def test_cells_share_what_they_start_from(work: Path, out: Path) -> None:
    assert len(runs(out / "store")) == 4, "the start is the run of a cell"
    report = load(out.parent / "report.json")
    assert report["kept"] == [f"{START}/seed-0"]
    assert len(report["made"]) == 3
    start = (out / "reconstruct" / "runs" / "segmentation" / "seed-0").resolve()
    assert start.parent == (out / "store" / "runs").resolve()
    record = load(out / "segment3d" / "runs" / "from-reconstruction" / "seed-0" / "transfer.json")
    assert record["mode"] == "full"
    found = load(out / "transfer.json")
    assert set(found["comparisons"]) == {"reconstruct", "segment3d"}
    assert [one["contrast"]["name"] for one in found["findings"]] == ["start"]
    assert found["findings"][0]["verdict"] == "undecided", "one seed and one room decide nothing"
    assert (found["training_scenes"], found["held_out_scenes"], found["seeds"]) == (2, 1, 1)
    assert {cost["arm"]: cost["shared"] for cost in found["costs"]} == {
        "segmentation": 0,
        "rgb": 0,
        "scratch": 0,
        "from-reconstruction": 0,
    }
    assert set(found["protocol"]) == {"reconstruct", "segment3d"}


def test_a_study_ends_with_its_page(out: Path) -> None:
    page = load(out.parent / "report.json")["page"]
    assert page["page"] == str(out / "index.html")
    assert all(Path(path).is_relative_to(out / "report") for path in page["beside"])
    text = (out / "index.html").read_text("utf-8")
    assert "Does it? It cannot be told: mIoU strict" in text
    assert "(no interval)" in text, "one seed and one room"
    same = (out / "report" / "transfer.json").read_bytes()
    assert same == (out / "transfer.json").read_bytes()


def test_causes_outlive_a_call_that_finds_the_same(work: Path, out: Path) -> None:
    causes = out / "causes.json"
    found = Description("alike", "scratch", "", 0.5, 0.4, 0.6, "ratio", "As a test says.")
    try:
        write_causes(out, (), (found,))
        command("study", out / "design.yaml", out, *given(work), "--no-page")
        assert "As a test says." in json.dumps(load(out / "transfer.json"))
        assert "As a test says." not in (out / "index.html").read_text("utf-8")
        command("study", out / "design.yaml", out, *given(work))
        assert "As a test says." in (out / "index.html").read_text("utf-8")
        write_json(causes, {**load(causes), "made_from": "other results"})
        command("study", out / "design.yaml", out, *given(work), "--no-page")
        assert load(out / "transfer.json")["descriptions"] == []
    finally:
        causes.unlink(missing_ok=True)


def test_a_gain_is_told_with_a_switch_thrown(
    work: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey, report = tmp_path / "grey", tmp_path / "causes.json"
    command("study", out / "design.yaml", grey, *given(work), "--sets", "run.input.colors=grey",
            "--no-page")  # fmt: skip
    design = yaml.safe_load((grey / "design.yaml").read_text())
    assert design["params"]["run.input.colors"] == "grey"
    causes = ["study", "causes", out, work / "data", "--no-describe", "--changed"]
    try:
        command(*causes, f"grey={grey}", "--json", report)
        (switch,) = [one for one in load(report)["causes"] if one["split"] == "switch"]
        gains = {one["name"]: one["difference"]["mean"] for one in switch["groups"]}
        there, here = load(grey / "transfer.json"), load(out / "transfer.json")
        expected = [one["findings"][0]["difference"]["mean"] for one in (here, there)]
        assert gains["as it is"] == pytest.approx(expected[0])
        assert gains["grey"] == pytest.approx(expected[1])
        assert gains["grey: change of the gain"] == pytest.approx(expected[1] - expected[0])
        assert "by switch" in (out / "index.html").read_text("utf-8")
        for words, told in (
            ([f"grey={tmp_path}"], "holds no finished study"),
            (["grey"], "needed: NAME=VALUE"),
            ([f"grey={grey}", f"grey={out}"], "a name of its own"),
        ):
            assert main([str(word) for word in (*causes, *words)]) == 2
            assert told in capsys.readouterr().err
    finally:
        (out / "causes.json").unlink(missing_ok=True)


def test_its_status_is_that_of_all_targets(out: Path) -> None:
    report = status(out)
    assert report.kind == "study"
    assert report.counts == {"done": 4}
    assert START + "/seed-0" in {state.item for state in report.states}


def test_one_printed_command_makes_one_cell_again(work: Path, out: Path) -> None:
    words = shlex.split(load(out.parent / "report.json")["cell_command"])
    again, at = out.parent / "again", words.index("--only") + 1
    words[3], words[at] = str(again), f"{START}/seed-0"
    assert words[:2] == ["crossvox", "study"]
    assert main(words[1:]) == 0
    assert scores(again, words[at]) == scores(out, words[at])
    assert len(list(again.glob("*/results/*/seed-*.json"))) == 1


def test_kept_features_change_nothing(
    work: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = (out / "store" / "features").iterdir()
    assert {path.name.rpartition("-")[0] for path in kept.iterdir()} == {
        path.name for path in (work / "data").iterdir() if path.is_dir()
    }, "one network lifts, in all rooms"
    item, weights = "segment3d/scratch/seed-0", Path("last", "network.safetensors")
    monkeypatch.setattr(SceneStudy, "_sharing", lambda self, lifts_run2d: self.runner)
    command("study", written(tmp_path), tmp_path / "out", *given(work), "--only", item)
    assert not (tmp_path / "out" / "store" / "features").exists()
    assert scores(tmp_path / "out", item) == scores(out, item)
    found, expected = (
        (folder / "segment3d" / "runs" / "scratch" / "seed-0" / weights).read_bytes()
        for folder in (tmp_path / "out", out)
    )
    assert found == expected


def test_two_studies_share_a_store(work: Path, out: Path, tmp_path: Path) -> None:
    before = runs(out / "store")
    cells = ["scratch", {"name": "probe", "start": "reconstruct/segmentation"}]
    design = written(tmp_path, targets={"segment3d": {"cells": cells}}, contrasts=[])
    command("study", design, tmp_path / "out", *given(work), "--store", out / "store")
    added = runs(out / "store") - before
    probe = (tmp_path / "out" / "segment3d" / "runs" / "probe" / "seed-0").resolve()
    assert added == {probe.name}, "only what the other study has not trained"
    item = "segment3d/scratch/seed-0"
    assert scores(tmp_path / "out", item) == scores(out, item)
    costs = load(tmp_path / "out" / "transfer.json")["costs"]
    assert {cost["arm"]: cost["shared"] for cost in costs} == {"scratch": 1, "probe": 0}


def test_an_interrupted_study_goes_on_to_the_same(work: Path, out: Path, tmp_path: Path) -> None:
    class Stops(Silent):
        def training(self, label: str = "train") -> Any:
            def watch(state: Any) -> None:
                if state.step == 2:
                    raise KeyboardInterrupt

            return watch

    def call(progress: Silent) -> TransferReport:
        report = study(
            written(tmp_path),
            tmp_path / "out",
            data=work / "data",
            run2d=work / "run2d",
            cells=START,
            runner=Runner(progress),
        )
        assert isinstance(report, TransferReport)
        return report

    stopped = call(Stops())
    assert stopped.interrupted
    assert not stopped.made
    assert not stopped.transfer.findings
    assert [one.name for one in stopped.transfer.unanswered] == ["start"]
    page = tmp_path / "out" / "index.html"
    assert "No question of this study can be answered yet." in page.read_text("utf-8")
    assert "Does it?" in page.read_text("utf-8")
    assert any("1 of 4" not in text and "of 4 cells" in text for text in stopped.transfer.cautions)
    assert call(Silent()).made == (f"{START}/seed-0",)
    assert scores(tmp_path / "out", f"{START}/seed-0") == scores(out, f"{START}/seed-0")


def test_a_cell_that_was_another_one_is_refused(
    work: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [{"name": "scratch", "sets": {"run.train.rate": 0.1}}, "probe"]
    design = written(tmp_path, targets={"segment3d": {"cells": cells}}, contrasts=[])
    assert main([str(word) for word in ("study", design, out, *given(work))]) == 2
    assert "segment3d/scratch was another one" in capsys.readouterr().err


def test_a_design_that_somebody_keeps_is_not_written_over(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design = written(tmp_path)
    before = design.read_text()
    assert main([str(word) for word in ("study", design, tmp_path, *given(work))]) == 2
    assert "design.yaml is not the record of a study" in capsys.readouterr().err
    assert design.read_text() == before
    assert list(tmp_path.iterdir()) == [design]


def test_a_page_that_somebody_wrote_is_not_written_over(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    design = written(tmp_path)
    (out / "index.html").write_text("mine")
    assert main([str(word) for word in ("study", design, out, *given(work))]) == 2
    assert "did not write" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["index.html"]


def test_what_is_missing_is_told(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        (["study", "quick", tmp_path / "out"], "made for example by: crossvox rooms"),
        (["study", "quick"], "pass it behind the design"),
        (["study", "quick", tmp_path / "out", "--data", work / "data"], "without a 2D run"),
        (["study", "quick", tmp_path / "out", "--cells", "rgd"], "did you mean 'rgb'"),
        (
            ["study", "quick", tmp_path, *given(work), "--only", "x"],
            "with 'x', which is none of the",
        ),
    ):
        assert main([str(word) for word in words]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tells_what_is_there(work: Path, out: Path) -> None:
    plan = out.parent / "plan.json"
    command("study", out / "design.yaml", out, *given(work), "--dry-run", "--json", plan,
            "--seeds", 2)  # fmt: skip
    found = {one["item"]: one for one in load(plan)}
    assert found[f"{START}/seed-0"]["status"] == "keep"
    asked = found[f"{START}/seed-1"]
    assert asked["status"] == "make"
    assert asked["seconds"] > 0
    assert asked["memory"] > 1e8
    assert not (out / "segment3d" / "runs" / "from-reconstruction" / "seed-1").exists()


def test_source_and_target_learn_from_other_rooms(work: Path, tmp_path: Path) -> None:
    controls = find_design(Path("controls"))
    wanted = {"reconstruct": {"source-half"}, "segment3d": {"scratch-half", "other-rooms"}}
    targets = {
        name: replace(
            one, params={}, cells=tuple(cell for cell in one.cells if cell.name in wanted[name])
        )
        for name, one in controls.targets.items()
    }
    params = {**DESIGN["params"], "network-steps": 1}
    design, out = tmp_path / "design.yaml", tmp_path / "out"
    small = replace(controls, seeds=1, params=params, targets=targets, contrasts=())
    design.write_text(design_text(small))
    command("study", design, out, *given(work), "--no-page")
    rooms = scene_list(work / "data", "train")
    first, second = (labelled_rooms(rooms, LabelParams(half=h), 0) for h in ("first", "second"))
    assert len(first) == len(second) == 1
    folders = {cell: out / target / "runs" / cell / "seed-0"
               for target, cells in wanted.items() for cell in cells}  # fmt: skip
    assert read_record(folders["source-half"]).lineage.scenes == first, "2D and 3D network alike"
    volume = load_source(work / "data" / second[0], ViewParams(width=128, height=96)).volume
    assert volume is not None
    annotated = int(((volume.labels > 0) & volume.occupied).sum())
    for cell in wanted["segment3d"]:
        record = read_record(folders[cell])
        assert sum(record.recipe["label_voxels"][1:]) == annotated, "labels of the others alone"
        assert set(record.lineage.scenes) == {*first, *second}
    assert (folders["other-rooms"] / "transfer.json").is_file()
    assert not (folders["scratch-half"] / "transfer.json").exists()
