"""The page: complete, honest about gaps, safe, self-contained."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossvox.core.artifact import Manifest, read_json, write_json, write_manifest
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.report.hiding import hidden
from crossvox.report.page.write import PageReport, write_page
from crossvox.report.params import ReportParams

QUICK = ReportParams(picture_width_px=96, view_3d=False, sample_frames=2, max_scenes=1)


class Reader(HTMLParser):
    """Collects tags, checks that they are closed in order."""

    VOID = frozenset({"meta", "link", "img", "br", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


def read(report: PageReport) -> tuple[Reader, str]:
    """The page parsed, and its visible text on one line."""
    reader = Reader()
    reader.feed(report.page.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader, re.sub(r"\s+", " ", " ".join(reader.text))


@pytest.fixture(scope="module")
def whole(made: Any, tmp_path_factory: pytest.TempPathFactory) -> PageReport:
    """A page with everything, small."""
    params = ReportParams(picture_width_px=128, view_faces=3000)
    return write_page([made.prediction], tmp_path_factory.mktemp("whole"), params)


def test_everything_is_on_the_page(whole: PageReport, made: Any) -> None:
    reader, text = read(whole)
    assert whole.scenes == whole.pictured == made.names
    assert whole.missing == ()
    interval = "95% interval over two rooms:"
    assert (
        "Is the learnt surface better than Mask only, the baseline that learns nothing? Yes: "
        f"F-score at 5 cm 0.810 against 0.620, +0.1900 ({interval} +0.1900 to +0.1900), "
        "on two held-out rooms"
    ) in text
    assert (
        "Is the learnt surface better than TSDF fusion of the same depth frames? No, it is behind: "
        f"F-score at 5 cm 0.810 against 0.840, -0.0300 ({interval} -0.0300 to -0.0300)"
    ) in text
    for section in ("rooms", "scores", "inputs", "training", "times", "origin"):
        assert any(tag.get("id") == section for tag in reader.all("section"))
    # The room large, 4 surfaces from above and from the camera, a photo, 4 pictures of errors,
    # 4 frames twice.
    pictures = [tag for tag in reader.all("img") if tag.get("src")]
    assert len(pictures) == 2 * (1 + 4 + 5 + 4 + 8)
    assert all(tag["alt"] and tag["src"].startswith("data:image/") for tag in pictures)
    assert "12 frames of 160 x 120 pixels, 1 with a lost pose" in text
    assert "412,345 weights" in text
    assert "held out" in text
    assert len(reader.all("svg")) == 2 + 1 + 2


def test_links_lead_to_files_beside_the_page(whole: PageReport) -> None:
    reader, _ = read(whole)
    hrefs = [str(tag["href"]) for tag in reader.all("a")]
    for href in hrefs:
        if href.startswith("#"):
            assert any(attributes.get("id") == href[1:] for _, attributes in reader.tags)
        else:
            assert (whole.page.parent / href).is_file()
    beside = {str(path.relative_to(whole.page.parent).as_posix()) for path in whole.beside}
    assert beside == {href for href in hrefs if not href.startswith("#")}
    assert {path.suffix for path in whole.beside} == {".html", ".glb", ".svg", ".csv", ".tex"}


def test_tables_and_drawings_are_files_too(whole: PageReport, made: Any) -> None:
    folder = whole.page.parent
    text = (folder / "tables" / "scores-0-surface.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(text)))
    mean = [row for row in table if row["scene"] == "all" and row["score"] == "F-score"]
    assert {row["method"]: float(row["value"]) for row in mean} == {
        "learnt": 0.81, "mask_only": 0.62, "tsdf": 0.84,
    }  # fmt: skip
    assert {row["scene"] for row in table} == {"all", *made.names}
    latex = (folder / "tables" / "scores-0-surface.tex").read_text(encoding="utf-8")
    assert "Score & Learnt & Mask only & TSDF fusion \\\\" in latex
    assert "F-score & 0.810 & 0.620 & 0.840 \\\\" in latex
    assert "Acc (m) & " in latex
    for path in (folder / "figures").iterdir():
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert (folder / "figures" / "by-scene.svg").is_file()


def test_page_needs_no_network_and_names_no_machine(whole: PageReport, made: Any) -> None:
    text = whole.page.read_text(encoding="utf-8")
    outside = re.findall(r"""(?:src|href)=["'](?!data:|#|scenes/|tables/|figures/)[^"']*""", text)
    assert outside == []
    assert not re.search(r"@import|url\(\s*['\"]?https?:|<script[^>]+src", text)
    root = made.data.parent
    for path in (root, root.parent, Path.home(), Path.cwd()):
        assert str(path) not in text
    assert whole.size_bytes < 8_000_000


def test_the_best_value_of_a_row_is_marked(whole: PageReport) -> None:
    text = whole.page.read_text(encoding="utf-8")
    table = text[text.index("Mean of 2 scenes") :]
    table = table[: table.index("</table>")]
    rows = re.findall(r'<tr><th scope="row">(\S+?)[ <](.*?)</tr>', table, re.DOTALL)
    assert rows[0][0] == "F-score"
    best = {
        name: ["best" in kind for kind in re.findall(r'<td class="value([^"]*)"', cells)]
        for name, cells in rows
    }
    assert best["F-score"] == [False, False, True]
    assert best["Acc"] == [False, False, True]
    assert best["Comp"] == [True, False, True]
    assert best["Recall"] == [True, False, False]
    assert all("is better" in cells for _, cells in rows)
    assert "2 scenes" in rows[0][1]
    assert "± 0.007 over rooms" in rows[0][1], "0.81 and 0.82"


def test_out_may_be_a_file(made: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = write_page(
        [made.run],
        tmp_path / "deep" / "run.html",
        QUICK,
        lambda done, total: seen.append((done, total)),
    )
    assert report.page == tmp_path / "deep" / "run.html"
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))


def test_run_alone(made: Any, tmp_path: Path) -> None:
    run = tmp_path / "recon"
    shutil.copytree(made.run, run)
    report = write_page([run], tmp_path / "page", QUICK)
    reader, text = read(report)
    assert report.scenes == ()
    assert "Training run recon" in text
    assert "395 training steps" in text
    assert len(reader.all("svg")) == 2
    assert any("the data folder it was made from" in line for line in report.missing)
    assert report.missing[0] in text


def test_run_that_has_just_begun(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.jsonl").write_text("")
    write_json(run / "params.json", {"train": {"steps": 3}})
    report = write_page([run], tmp_path / "page.html", QUICK)
    _, text = read(report)
    assert "The run has written no log yet." in text
    assert "train.steps" in text
    assert any("no manifest" in line for line in report.missing)


def test_a_run_of_completion_tells_what_scores_of_a_scan_are(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    scores = {"F1 where unmeasured": 0.5, "F1 where unmeasured (of a scan)": 0.4}
    line = {"step": 2, "split": "validation", "loss": 0.4, "scores": scores}
    (run / "log.jsonl").write_text(json.dumps(line))
    _, text = read(write_page([run], tmp_path / "page.html", QUICK))
    assert "“of a scan”: of what a scan along the way of the frames measures" in text
    assert "baseline without learning" not in text


def test_prediction_without_scores_and_with_gaps(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path / "set", scenes=1)
    scene = made.names[0]
    (made.prediction / "scores.surface.json").write_text("{ not json")
    (made.prediction / scene / "tsdf.ply").write_bytes(b"ply\nbroken")
    (made.prediction / scene / "mask_only.ply").unlink()
    shutil.rmtree(made.run)
    (made.data / scene / "depth" / "10.png").write_bytes(b"nothing")
    report = write_page([made.prediction], tmp_path / "page", QUICK)
    _, text = read(report)
    assert "One room predicted, not scored yet." in text
    missing = " ".join(report.missing)
    assert "tsdf.ply cannot be read" in missing
    assert "the run folder it was made from" in missing
    assert "scores.surface.json" in missing
    assert str(tmp_path) not in missing


def test_prediction_whose_data_is_gone(made: Any, tmp_path: Path) -> None:
    shutil.copytree(made.prediction, tmp_path / "prediction")
    report = write_page([tmp_path / "prediction"], tmp_path / "page", QUICK)
    reader, text = read(report)
    assert "The frames of this scene are not there any more." in text
    assert len([tag for tag in reader.all("img") if tag.get("src")]) == 4
    assert "F-score at 5 cm 0.81" in text
    assert "held-out" not in text


def test_data_alone_and_scene_alone(made: Any, tmp_path: Path) -> None:
    report = write_page([made.data], tmp_path / "a", QUICK)
    _, text = read(report)
    assert report.scenes == made.names
    assert "Two prepared scenes" in text
    assert f"Without pictures, in the tables only: {made.names[1]}" in text
    report = write_page([made.data / made.names[0]], tmp_path / "b", QUICK)
    assert report.pictured == made.names[:1]


def test_scan_folder(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path / "scan", scenes=1)
    scene = made.data / made.names[0]
    write_manifest(scene, Manifest("prepare-scene", notes={"surface": "tsdf"}))
    write_manifest(
        tmp_path / "scan",
        Manifest(
            "scan",
            seconds={"prepare": 3.0},
            links={"data": "data", "prediction": "prediction"},
        ),
    )
    report = write_page([tmp_path / "scan"], tmp_path / "page", QUICK)
    _, text = read(report)
    assert report.pictured == made.names
    assert "Reference (TSDF fusion)" in text
    assert "Scan (everything)" in text


def test_a_fused_reference_is_not_called_ground_truth(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    made = build.make(tmp_path, scenes=1)
    for manifest in made.data.glob("scene*/manifest.json"):
        record = read_json(manifest)
        record["notes"]["surface"] = "tsdf"
        write_json(manifest, record)
    _, text = read(write_page([made.prediction], tmp_path / "page", QUICK))
    assert "the reference is the TSDF fusion of the same frames" in text
    assert "TSDF fusion of the same depth frames reaches" not in text
    assert "Reference (TSDF fusion)" in text


def test_all_text_is_escaped(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path / "set", scenes=1)
    nasty = "<script>alert(1)</script>"
    path = made.prediction / "scores.surface.json"
    record = read_json(path)
    record["notes"] = [nasty]
    record["scenes"][nasty] = record["scenes"].pop(made.names[0])
    record["mean"][nasty] = record["mean"]["tsdf"]
    write_json(path, record)
    write_manifest(
        made.run, Manifest("train-x", params={nasty: nasty}, notes={nasty: nasty}, version=nasty)
    )
    report = write_page([made.prediction, made.run], tmp_path / "page", QUICK)
    reader, text = read(report)
    assert len(reader.all("script")) == 1
    assert nasty in text


def test_nan_scores_are_shown_as_undefined(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path / "set", scenes=1)
    path = made.prediction / "scores.surface.json"
    record = read_json(path)
    for methods in (record["mean"], *record["scenes"].values()):
        methods["learnt"][4]["value"] = None
        methods["learnt"][4]["details"] = {"undefined": 2.0}
    path.write_text(json.dumps(record))
    _, text = read(write_page([made.prediction], tmp_path / "page", QUICK))
    assert "2 undefined" in text
    assert "F-score at 5 cm on one held-out room: Mask only 0.620, TSDF fusion 0.840" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in /home/someone/data/x.ply now", "in …/x.ply now"),
        ("C:\\Users\\me\\run", "…/run"),
        ("~/captures/room.sens", "…/room.sens"),
        ("../data and a/b, 3/4, m/s", "../data and a/b, 3/4, m/s"),
        ("see https://example.org/page", "see https://example.org/page"),
        ("given: /a/b.json, which", "given: …/b.json, which"),
    ],
)
def test_absolute_paths_are_cut(text: str, shown: str) -> None:
    assert hidden(text) == shown


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"given: no folder; needed: .*do: "):
        write_page([], tmp_path / "page")
    with pytest.raises(ArtifactError, match=r"given: .*gone.*needed: .*do: "):
        write_page([tmp_path / "gone"], tmp_path / "page")
    (tmp_path / "plain").mkdir()
    with pytest.raises(ArtifactError, match=r"no such folder"):
        write_page([tmp_path / "plain"], tmp_path / "page")
    with pytest.raises(ParamsError, match=r"needed: "):
        ReportParams(picture_width_px=3)
    assert not (tmp_path / "page").exists()


def test_pages_of_the_same_folders_look_the_same(made: Any, tmp_path: Path) -> None:
    pages = [write_page([made.prediction], tmp_path / name, QUICK) for name in ("a", "b")]
    first, second = (
        re.sub(r"Page made .*? by", "", report.page.read_text(encoding="utf-8")) for report in pages
    )
    assert first == second
