"""JSON of every kind, lists and tables: what tells a folder from another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from crossvox.core.artifact import Manifest, plain, read_manifest, write_json, write_manifest
from crossvox.core.volume import Score
from trials.fuzz.targets import Target, in_turn

SCORE = Score("F-score", 0.5, "ratio", 100, "points", True, "surface", {"within_5_cm": 0.4})
CLASS = Score("IoU chair", 0.25, "ratio", 7, "vertices", True, "classes", class_name="chair")


def make_manifests(folder: Path) -> None:
    """A prediction of one scene."""
    parents = {"scene": "a" * 16, "run": "b" * 16}
    notes = {"coverage": 1.0, "learnt from": False, "majority_class": 2, "frames": 3}
    files = {"mesh.ply": "0 e3b0c44298fc1c14", "color": "folder"}
    (folder / "s").mkdir()
    (folder / "s/mesh.ply").touch()
    (folder / "s/color").mkdir()
    scene = Manifest(
        "predict-scene", {"window": {"stride": 8}}, parents, seed=1, seconds={"total": 2.0},
        notes=notes, links={"run": "../run"}, learnt_from=("x",), files=files,
    )  # fmt: skip
    write_manifest(folder / "s", scene)
    items = {"s": read_manifest(folder / "s").digest}
    whole = Manifest("predict", {"w": 8}, {"run": "b" * 16}, items=items, notes={"surface": "tsdf"})
    write_manifest(folder, whole)


def read_manifests(folder: Path) -> None:
    """As ``evaluate``, ``predict``, ``status`` and the page do."""
    from crossvox.evaluate.predicted import expect_one_way, majority_class, predicted_scenes
    from crossvox.flow.collection import differences, items_of
    from crossvox.flow.contents import damage, strangers
    from crossvox.flow.folder import expect_own
    from crossvox.report.folders import scenes_of
    from crossvox.report.page.origins import origins
    from crossvox.report.page.times import stage_times
    from crossvox.report.sources import gather

    def evaluate() -> None:
        names = predicted_scenes(folder)
        expect_one_way(folder, {name: read_manifest(folder / name) for name in names})
        majority_class([folder / name for name in names])

    def contents() -> None:
        _ = read_manifest(folder / "s").digest
        damage(folder / "s", whole=True)
        strangers(folder / "s")
        differences(read_manifest(folder), read_manifest(folder / "s"))

    def page() -> None:
        sources = gather([folder])
        scenes_of(folder, sources)
        origins(sources)
        stage_times(sources)

    in_turn(
        evaluate, contents, page, lambda: expect_own(folder, "predict"), lambda: items_of(folder)
    )


def make_run(folder: Path) -> None:
    """A run's record and manifest, of a run on sub-volumes and of one on images."""
    from crossvox.recipes.segment2d import Segment2dRunParams
    from crossvox.recipes.train import ReconstructRunParams, Segment3dRunParams
    from crossvox.train.folder import complete, make_record

    for name, params in (
        ("reconstruct", ReconstructRunParams()),
        ("segment3d", Segment3dRunParams()),
        ("segment2d", Segment2dRunParams()),
    ):
        record = make_record(
            name, params.task, params.train, samples={"train": 3}, scenes=["a", "b"],
            recipe={"params": params, "class_shares": [0.5] * 41}, parents={"data": "c" * 16},
        )  # fmt: skip
        run = folder / name
        run.mkdir()
        complete(
            run, record, links={}, seconds={"total": 3.0},
            notes={"step": 3, "parameters": 10, "best_step": 2, "best_scores": [plain(SCORE)]},
        )  # fmt: skip
        write_json(run / "params.json", record)


def read_run(folder: Path) -> None:
    """As everything does that starts from a run, or goes on with one."""
    from crossvox.recipes.image_run import read_segment2d_run
    from crossvox.recipes.scene_run import read_scene_run
    from crossvox.train.folder import expect_same_run, finished, read_record
    from crossvox.train.params import TrainParams

    asked = _asked()

    def one(name: str) -> None:
        run = folder / name
        in_turn(
            lambda: read_record(run).lineage,
            lambda: expect_same_run(run, asked[name]),
            lambda: finished(run, "F-score", TrainParams()),
            lambda: read_segment2d_run(run) if name == "segment2d" else read_scene_run(run),
        )

    in_turn(*(lambda name=name: one(name) for name in asked))


def _asked() -> dict[str, Any]:
    if not _ASKED:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            make_run(Path(folder))
            for name in ("reconstruct", "segment3d", "segment2d"):
                text = (Path(folder) / name / "params.json").read_text(encoding="utf-8")
                _ASKED[name] = json.loads(text)
    return _ASKED


_ASKED: dict[str, Any] = {}


def make_params(folder: Path) -> None:
    """``--params`` files: plain, and of a run."""
    from crossvox.recipes.prepare import PrepareParams
    from crossvox.recipes.train import Segment3dRunParams

    write_json(folder / "prepare.json", PrepareParams())
    write_json(folder / "train.json", {"recipe": {"params": Segment3dRunParams()}})


def read_params(folder: Path) -> None:
    """As the command line does."""
    from crossvox.cli import params_file
    from crossvox.recipes.prepare import PrepareParams
    from crossvox.recipes.train import Segment3dRunParams

    in_turn(
        lambda: params_file.read_params(folder / "prepare.json", PrepareParams),
        lambda: params_file.read_params(folder / "train.json", Segment3dRunParams),
    )


def _study_params() -> dict[str, Any]:
    from crossvox.train.params import TrainParams

    return {"task": "t", "params": plain(TrainParams()), "data": "x"}


def make_study(folder: Path) -> None:
    """A study's result, its baselines, its file, and its record."""
    from crossvox.study.results import Result, Scored, write_baselines

    counts = {"s": {"confusion": {"shape": [2, 2], "at": [0, 3], "count": [5, 6]}}}
    result = Result(
        "arm", 0, "i", "r", "p", 10, 3, {"train": 1.0}, {"s": {"F-score": 0.5, "x": None}}, counts
    )
    write_json(folder / "results.json", result)
    write_baselines(folder / "baselines.json", {"data": "x"}, {"mask": Scored({"s": [SCORE]})})
    arm = {
        "name": "arm", "differs": "nothing", "seeds": [0, 1], "parameters": 10,
        "seconds": {"train": 3.0},
        "scores": {"F-score": {"mean": 0.5, "sd": 0.1, "by_seed": [0.4, 0.6], "undefined": 0}},
        "against": {
            "base": {"F-score": {"mean": 0.1, "low": -0.1, "high": 0.3, "p_adjusted": 0.2,
                                 "seeds": 2, "seeds_above": 1}}
        },
    }  # fmt: skip
    base = {"name": "base", "scores": {"F-score": {"mean": 0.4}}}
    comparison = {
        "arms": [arm, base], "scenes": ["s"], "level": 0.95, "cautions": ["few"],
        "kinds": {"F-score": {"unit": "ratio", "higher_is_better": True, "place": "main"}},
    }  # fmt: skip
    write_json(folder / "study.json", {"task": "t", "comparison": comparison, "results": [result]})
    write_json(folder / "params.json", _study_params())


def read_study(folder: Path) -> None:
    """As a study that goes on, and the page, do."""
    from crossvox.recipes.study.claims import _expect_same
    from crossvox.study.counts import unpack
    from crossvox.study.results import read_baselines, read_result
    from crossvox.train.params import TrainParams

    def result() -> None:
        unpack(read_result(folder / "results.json").counts)

    record = _study_params()
    in_turn(
        result,
        lambda: read_baselines(folder / "baselines.json", {"data": "x"}),
        lambda: _expect_same(folder, record, TrainParams),
    )


def read_study_page(folder: Path) -> None:
    """As the page does, with its drawings: slow."""
    from crossvox.report.page.studies import study_record
    from crossvox.report.sources import Sources

    study_record(folder, Sources())


def make_index(folder: Path) -> None:
    """Places of sub-volumes."""
    from crossvox.core.volume import ChunkPlace
    from crossvox.samples.index import SampleIndex

    places = (ChunkPlace("a", (0, 1, 2), (3, 4)), ChunkPlace("b", (-1, 0, 0), ()))
    SampleIndex(places, (4, 4, 4), 2, {"a": {"kept": 1}}).save(folder / "index.json")


def read_index(folder: Path) -> None:
    """As training does."""
    from crossvox.samples.index import SampleIndex

    index = SampleIndex.load(folder / "index.json")
    _ = index.digest, len(index.places)


def make_page(folder: Path) -> None:
    """What the page reads of a run and of a prediction."""
    run, prediction = folder / "run", folder / "pred"
    rows = {"mesh": [plain(SCORE), plain(CLASS)], "mask_only": [plain(SCORE)]}
    for name, protocol in (("surface", "surface"), ("classes", "classes")):
        write_json(
            prediction / f"scores.{name}.json",
            {
                "protocol": protocol, "mean": rows, "whole": rows, "scenes": {"s": rows},
                "coverage": {"s": 0.9}, "seen": ["s"], "counted": ["s"], "notes": ["a note"],
                "confusion": {"mesh": [[1, 2], [3, 4]]},
            },
        )  # fmt: skip
    write_manifest(prediction, Manifest("predict", items={"s": "x"}, seconds={"mesh": 1.0}))
    write_json(
        run / "transfer.json",
        {
            "source": "old", "summary": "all", "mode": "start", "parts": {"decoder": [1, 2]},
            "loaded": ["a", "b"], "skipped": [["c", [1, 2], [3]]], "rates": {"1": 5},
        },
    )  # fmt: skip
    evaluation = {
        "scores": [plain(SCORE), plain(CLASS)], "images": 4, "left_out": {"x": 1}, "seconds": {},
        "confusion": [[1, 2], [3, 4]], "classes": ["a", "b"],
    }  # fmt: skip
    write_json(run / "evaluation/scores.json", evaluation)
    lines = [
        {"step": step, "loss": 1.0 / step, "split": split, "seconds": 2.0, "scores": {"x": 0.5}}
        for step in (1, 2) for split in ("train", "validation")
    ]  # fmt: skip
    (run / "log.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines), encoding="utf-8")
    write_manifest(run, Manifest("train-x", notes={"parameters": 5, "best_step": 2}))


def read_page(folder: Path) -> None:
    """As the page does, less its drawings; and as training and ``evaluate`` do."""
    from crossvox.recipes.evaluate_images import read_evaluation
    from crossvox.report.drawings.training import read_log
    from crossvox.report.page.class_scores import read_class_scores
    from crossvox.report.page.origins import origins
    from crossvox.report.page.sentences import lead_texts, title_text
    from crossvox.report.page.surface_scores import headline, read_surface_scores
    from crossvox.report.page.tables import surface_table
    from crossvox.report.page.times import stage_times
    from crossvox.report.page.transfer import transfer_table
    from crossvox.report.sources import gather
    from crossvox.train.log import RunLog

    def page() -> None:
        sources = gather([folder / "run", folder / "pred"])
        surfaces, classes = read_surface_scores(sources), read_class_scores(sources)
        headline(surfaces)
        for entry in surfaces:
            surface_table(entry, sources)
        transfer_table(folder / "run", sources)
        origins(sources)
        stage_times(sources)
        title_text(sources, ["s"], False)
        lead_texts(surfaces, classes, [], ["s"], sources, [])

    in_turn(
        page,
        lambda: read_log(folder / "run/log.jsonl"),
        lambda: read_evaluation(folder / "run/evaluation"),
        lambda: RunLog(folder / "run", 1, tensorboard=False),
    )


def read_drawings(folder: Path) -> None:
    """What the page draws of scores and logs: slow."""
    from crossvox.report.page.class_scores import read_class_scores
    from crossvox.report.page.runs import run_record
    from crossvox.report.page.surface_scores import by_scene, read_surface_scores
    from crossvox.report.page.tables import class_part
    from crossvox.report.sources import gather

    sources = gather([folder / "run", folder / "pred"])
    by_scene(read_surface_scores(sources))
    for scores in read_class_scores(sources):
        class_part(scores)
    run_record(folder / "run", sources)


def make_lists(folder: Path) -> None:
    """Lists of scenes, names on the command line, and labels of vertices."""
    for name in ("train", "val", "scannetv2_train", "scannetv2_val"):
        (folder / f"{name}.txt").write_text("scene0000_00\nscene0001_01\n", encoding="utf-8")
    (folder / "only.txt").write_text("scene0000_00\n", encoding="utf-8")
    (folder / "labels.txt").write_text("1\n2\n0\n40\n", encoding="ascii")
    for name in ("scene0000_00", "scene0001_01"):
        (folder / name).mkdir()
        (folder / name / "volume.npz").touch()


def read_lists(folder: Path) -> None:
    """As ``prepare``, training, ``predict`` and ``evaluate scannet`` do."""
    from crossvox.evaluate.scannet import read_vertex_labels
    from crossvox.flow.choice import Choice, read_names
    from crossvox.recipes import data

    in_turn(
        lambda: data.read_scenes(folder, "train"),
        lambda: data.read_scenes(folder, "val"),
        lambda: data.ScanLists.read(folder).split_of("scene0000_00"),
        lambda: Choice(only=read_names(str(folder / "only.txt"))).of(["scene0000_00"]),
        lambda: read_vertex_labels(folder / "labels.txt", 4),
    )


def make_class_map(folder: Path) -> None:
    """The data set's class map."""
    table = "id\tcategory\tnyu40id\tnyuClass\n1\twall\t1\twall\n2\tchair\t5\tchair\n300\tx\t40\t\n"
    (folder / "labels.tsv").write_text(table, encoding="utf-8")


def read_class_map(folder: Path) -> None:
    """As ``prepare`` does."""
    from crossvox.core.labels import RawLabelMap

    RawLabelMap.read(folder / "labels.tsv")


def make_rates(folder: Path) -> None:
    """How long stages took."""
    write_json(folder / "crossvox/rates.json", {"prepare-scene": 0.5, "predict": 2})


def read_rates(folder: Path) -> None:
    """As ``--dry-run`` does."""
    from crossvox.flow import rates

    os.environ["XDG_CACHE_HOME"] = str(folder)
    rates.foretell("prepare-scene", 3.0)
    rates.record_rate("predict", 1.0, 2.0)


TARGETS = [
    Target("json manifest", make_manifests, read_manifests, (".json",), share=3),
    Target("json run", make_run, read_run, (".json",), share=0.3),
    Target("json params", make_params, read_params, share=2),
    Target("json study", make_study, read_study),
    Target("json index", make_index, read_index, share=3),
    Target(
        "json page and log",
        make_page,
        read_page,
        (".json", ".jsonl"),
        share=2,
        written=("run/log.jsonl",),
    ),
    Target("page of a study", make_study, read_study_page, ("study.json",), share=0.01),
    Target("page of scores", make_page, read_drawings, (".json", ".jsonl"), share=0.01),
    Target("json rates", make_rates, read_rates, written=("crossvox/rates.json",)),
    Target("lists", make_lists, read_lists, (".txt",), share=4),
    Target("class map", make_class_map, read_class_map, share=3),
]
