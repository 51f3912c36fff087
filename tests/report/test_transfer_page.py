"""The page of a transfer study says what its record says: no number or verdict more or less."""

from __future__ import annotations

import csv
import html
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from browser import CONTRAST, Tab
from transfer_record import some_transfer

from crossvox.core.artifact import write_json
from crossvox.core.checks import ArtifactError
from crossvox.core.methods import arm_name
from crossvox.recipes.look import report
from crossvox.report.page.tables_out import latex_text
from crossvox.report.page.transfer_findings import Shown, difference_text, shown_findings
from crossvox.report.page.transfer_report import write_transfer_page
from crossvox.report.page.transfer_sentences import answer, in_short, lead

Record = dict[str, Any]
WORDS = {
    "helps": "It helps",
    "hurts": "It hurts",
    "equivalent": "No difference that matters",
    "undecided": "It cannot be told",
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """As it is read: NaN and infinities are what JSON makes of them."""
    path = tmp_path_factory.mktemp("record") / "transfer.json"
    write_json(path, some_transfer())
    return dict(json.loads(path.read_text()))


@pytest.fixture(scope="module")
def folder(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with its page."""
    return written(record, tmp_path_factory.mktemp("study"))


def written(record: Record, folder: Path) -> Path:
    (folder / "transfer.json").write_text(json.dumps(record))
    assert report((folder,)).page == folder / "index.html"  # type: ignore[arg-type]
    return folder


def page(folder: Path) -> str:
    return (folder / "index.html").read_text("utf-8")


def words(text: str) -> str:
    """What a reader sees of HTML."""
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return re.sub(r"\s+", " ", plain).replace(" )", ")")


def section(folder: Path, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page(folder), re.DOTALL)
    assert found is not None, name
    return found[0]


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / "report" / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def same(cell: str, value: float | None) -> bool:
    """Whether a cell of a CSV file is a number of the record, to the last bit."""
    return cell == "" if value is None else float(cell) == value


def named(record: Record) -> list[Record]:
    return [one for one in record["findings"] if one["contrast"]["named"]]


# --- what is said --------------------------------------------------------------------------------


def test_the_record_has_every_verdict(record: Record) -> None:
    assert {one["verdict"] for one in record["findings"]} == set(WORDS)
    assert set(record["comparisons"]) == {"reconstruct", "segment3d", "segment2d"}


def test_the_first_paragraph_says_what_the_findings_say(record: Record, folder: Path) -> None:
    header = page(folder).partition("<header")[2].partition("</header>")[0]
    assert header.count("<figure>") == 1, "a drawing is on the first screen"
    told = words(re.sub(r"<figure>.*?</figure>", "", header, flags=re.DOTALL))
    for target in record["comparisons"]:
        first = next(one for one in named(record) if one["contrast"]["target"] == target)
        gain = first["difference"]
        said = (
            f"{first['contrast']['question']} {WORDS[first['verdict']]}: {first['score']} "
            f"{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"
        )
        assert said in told
    counts = [sum(one["verdict"] == verdict for one in named(record)) for verdict in WORDS]
    said = ", ".join(f"{n} {verdict}" for n, verdict in zip(counts, WORDS, strict=True) if n)
    asked = "Of seven questions asked beforehand, over six seeds and eight held-out rooms"
    assert f"{asked}: {said}, 1 not answered yet." in told
    assert len(told.split()) < 150, "a minute"


def test_the_matrix_has_every_verdict_with_its_interval_in_its_place(
    record: Record, folder: Path
) -> None:
    table = re.search(r'<table class="matrix">.*?</table>', page(folder), re.DOTALL)
    assert table is not None
    root = ElementTree.fromstring(table[0].replace("<br>", " "))
    targets = [str(cell.text) for cell in root.findall("./thead/tr/th")][1:]
    assert targets == ["reconstruction", "3D segmentation", "2D segmentation"]
    places = {}
    for row in root.findall("./tbody/tr"):
        source = str(row.find("th").text)  # type: ignore[union-attr]
        for target, cell in zip(targets, row.findall("td"), strict=True):
            for one in cell.findall("./div/div"):
                text = " ".join("".join(one.itertext()).split())
                places[one.find("small").text] = (source, target, text)  # type: ignore[union-attr]
    assert len(places) == len(record["findings"])
    expected = {
        "segmentation less imagenet": ("2D segmentation", "reconstruction"),
        "from-reconstruction less scratch": ("reconstruction from features", "3D segmentation"),
        "rendered less images-alone": ("3D segmentation", "2D segmentation"),
        "imagenet less random, exploratory": ("ImageNet", "reconstruction"),
    }
    for title, place in expected.items():
        assert places[title][:2] == place
    for one in record["findings"]:
        gain, contrast = one["difference"], one["contrast"]
        title = f"{contrast['arm']} less {contrast['control']}"
        text = places[title if contrast["named"] else f"{title}, exploratory"][2]
        assert one["verdict"] in text
        assert f"{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})" in text


def test_every_question_is_answered_or_said_to_be_open(record: Record, folder: Path) -> None:
    told = words(section(folder, "answers"))
    for one in record["findings"]:
        contrast = one["contrast"]
        title = f"{contrast['arm']} less {contrast['control']}"
        above = one["difference"]["seeds_above"]
        assert contrast["question"] in told
        assert f"{title}; 6 seeds, {above} of them above 0; 8 rooms." in told
        if one["verdict"] == "undecided":
            assert f"a true difference of {one['power']['smallest']:.2g} in 80% of" in told
            assert f"{one['power']['scenes_needed']} rooms with these seeds" in told
        if one["verdict"] == "equivalent":
            assert f"shown to be less than {one['margin']:g}" in told
            assert f"The 90% interval, {one['low']:+.4f} to {one['high']:+.4f}, lies" in told
    (left,) = record["unanswered"]
    assert f"{left['question']} both less scratch" in told.partition("Not answered yet")[2]


def test_labels_causes_rooms_cells_and_costs_are_there(record: Record, folder: Path) -> None:
    labels = words(section(folder, "labels"))
    (saving,) = record["savings"]
    assert f"{100 * saving['share']:.0f}% of the labels reach what the control reaches" in labels
    causes = words(section(folder, "causes"))
    for one in record["causes"]:
        assert f"by {one['split']}" in causes
        assert one["reading"] in causes
    for one in record["descriptions"]:
        assert f"{one['name']} {one['of']} {one['group']} {one['mean']:.3f}" in causes
    assert section(folder, "rooms").count("<figure>") == len(record["findings"])
    cells, costs = words(section(folder, "cells")), words(section(folder, "costs"))
    for target, comparison in record["comparisons"].items():
        assert record["protocol"][target] in cells
        for arm in comparison["arms"]:
            score = arm["scores"][next(iter(comparison["kinds"]))]
            assert f"{arm_name(arm['name'])} " in cells
            assert f"{score['mean']:.3f}" in cells
            assert not arm["control_of"] or f"control of {arm['control_of']}" in cells
            assert not arm["seeds"] or f"{target}/{arm['name']} 32 s 4.0 s 2.0 s" in costs


# --- no claim beyond the numbers -----------------------------------------------------------------


def one_of(record: Record, verdict: str) -> Shown:
    return next(one for one in shown_findings(record) if one.verdict == verdict)


def test_rounding_makes_no_zero_and_takes_none_away(record: Record) -> None:
    near = replace(one_of(record, "helps"), mean=0.004, low=0.00002, high=0.008)
    assert in_short(near) == "It helps: F-score +0.0040 (+0.00002 to +0.0080)."
    assert difference_text(-0.00007) == "-0.0001"
    assert difference_text(0.0) == difference_text(-1e-16) == "0.0000"
    assert difference_text(None) == "–"


def test_what_has_no_interval_is_not_told(record: Record) -> None:
    bare = replace(one_of(record, "undecided"), low=None, high=None, smallest=None)
    told = answer(bare)
    assert told.startswith("It cannot be told: F-score")
    assert "(no interval)" in told
    assert told.endswith("These results do not tell how much it varies.")


def test_an_interval_off_zero_is_no_verdict_among_many_questions(record: Record) -> None:
    off = replace(one_of(record, "undecided"), mean=0.01, low=0.001, high=0.02, p_adjusted=0.12)
    assert "The interval leaves 0 out" in answer(off)
    assert "(p = 0.120 after Holm)" in answer(off)
    small = replace(one_of(record, "equivalent"), mean=0.001, low=0.0005, high=0.0015)
    assert answer(small).endswith("what difference there is, is too small to matter.")


def test_two_baselines_know_no_seed(record: Record, tmp_path: Path) -> None:
    one = json.loads(json.dumps(record["findings"][0]))
    one["contrast"] |= {"arm": "mask_only", "control": "tsdf"}
    one["difference"] |= {"seeds": 1, "seeds_above": 1}
    one["by_seed"] = [one["difference"]["mean"]]
    folder = written({**record, "findings": [one]}, tmp_path)
    told = words(page(folder))
    assert "Mask only less TSDF fusion; no seed: over 8 rooms alone." in told
    assert "over no seeds and eight held-out rooms" in told
    assert "In brackets: 95% intervals, over rooms alone." in told
    assert "a baseline, nothing is trained" in words(section(folder, "verdicts"))
    assert rows(folder, "tables/seeds") == []


def test_power_that_suffices_asks_for_no_more(record: Record) -> None:
    enough = replace(one_of(record, "undecided"), smallest=0.004, margin=0.005)
    assert "it takes" not in answer(enough)
    none = replace(one_of(record, "undecided"), seeds_needed=None, rooms_needed=None)
    assert none.smallest is not None
    assert (none.smallest / none.margin) ** 2 == pytest.approx(2.8, abs=0.2)
    assert answer(none).endswith("one of 0.005 takes up to three times as many of both.")


def test_seeds_are_those_of_the_findings_not_those_hoped_for(record: Record) -> None:
    found = [replace(one, seeds=n + 2) for n, one in enumerate(shown_findings(record))]
    assert "over 2 to 7 seeds" in lead(found, record)[-1]
    assert lead([], record) == ["No question of this study can be answered yet."]


# --- files beside it -----------------------------------------------------------------------------


def test_tables_hold_the_numbers_of_the_record(record: Record, folder: Path) -> None:
    told = {row["contrast"]: row for row in rows(folder, "tables/findings")}
    assert len(told) == len(record["findings"])
    for one in record["findings"]:
        row, gain, power = told[one["contrast"]["name"]], one["difference"], one["power"]
        assert (row["verdict"], row["named"]) == (one["verdict"], str(one["contrast"]["named"]))
        for column, value in {
            "arm_mean": one["arm_mean"], "control_mean": one["control_mean"],
            "difference": gain["mean"], "low": gain["low"], "high": gain["high"], "p": gain["p"],
            "p_holm": gain["p_adjusted"], "margin": one["margin"], "low_equivalence": one["low"],
            "high_equivalence": one["high"], "p_equivalence": one["equivalence_p"],
            "p_equivalence_holm": one["equivalence_p_adjusted"],
            "smallest_found": power["smallest"], "seeds_needed": power["seeds_needed"],
            "rooms_needed": power["scenes_needed"], "seeds_above": gain["seeds_above"],
        }.items():  # fmt: skip
            assert same(row[column], value), column
    for table, key in (("rooms", "by_scene"), ("seeds", "by_seed")):
        asked = [
            value
            for one in record["findings"]
            for value in (one[key].values() if key == "by_scene" else one[key])
        ]
        assert [float(row["difference"]) for row in rows(folder, f"tables/{table}")] == asked
    parts = [group for cause in record["causes"] for group in cause["groups"]]
    for row, part in zip(rows(folder, "tables/causes"), parts, strict=True):
        assert row["part"] == part["name"]
        assert same(row["difference"], part["difference"]["mean"])
        assert same(row["high"], part["difference"]["high"])
    (saving,) = record["savings"]
    points = [*saving["arm"], *saving["control"]]
    for row, point in zip(rows(folder, "tables/labels"), points, strict=True):
        assert same(row["mean"], point["mean"])
        assert same(row["share"], point["share"])
    (row,) = rows(folder, "tables/savings")
    assert same(row["share"], saving["share"])
    for row, cost in zip(rows(folder, "tables/costs"), record["costs"], strict=True):
        assert (row["target"], row["cell"]) == (cost["target"], cost["arm"])
        assert same(row["train_s"], cost["seconds"]["train"])
    assert (folder / "report/transfer.json").read_bytes() == (folder / "transfer.json").read_bytes()


def test_every_drawing_lies_beside_the_page_with_its_numbers(folder: Path) -> None:
    drawings = sorted((folder / "report/figures").glob("*.svg"))
    assert len(drawings) == page(folder).count("<figure>") + 1, "and the matrix for print"
    for drawing in drawings:
        ElementTree.fromstring(drawing.read_text("utf-8"))
        assert "var(--" not in drawing.read_text("utf-8")
        assert len(rows(folder, f"figures/{drawing.stem}")) > 0
    assert len(list((folder / "report/figures").glob("*.csv"))) == len(drawings)


def test_latex_has_the_rows_of_the_table_and_nothing_unescaped(
    record: Record, folder: Path
) -> None:
    files = {path.stem: path.read_text("utf-8") for path in folder.glob("report/tables/*.tex")}
    assert {"findings", "labels", "causes", "costs", "cells-segment2d"} <= set(files)
    for name, text in files.items():
        kinds = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
        assert kinds is not None
        body = text.partition("\\midrule\n")[2].partition("\\bottomrule")[0].splitlines()
        head = text.partition("\\toprule\n")[2].partition("\n")[0]
        assert len(body) == len(rows(folder, f"tables/{name}"))
        for line in (head, *body):
            assert line.endswith(" \\\\")
            assert len(re.findall(r"(?<!\\)&", line)) == len(kinds[1]) - 1
            assert not re.search(r"(?<!\\)[%#_]|[^\x00-\x7f]", line), line
            assert line.count("$") % 2 == 0
        for word in ("table", "tabular"):
            assert text.count(f"\\begin{{{word}}}") == text.count(f"\\end{{{word}}}") == 1
        assert text.count("{") == text.count("}")
    gain = record["findings"][0]["difference"]
    assert f"& {gain['low']:+.4f} to {gain['high']:+.4f} &" in files["findings"]
    assert latex_text("a_b & 5% \\x") == "a\\_b \\& 5\\% \\textbackslash{}x"


def test_every_link_leads_to_a_file_and_none_to_a_server(folder: Path) -> None:
    text = page(folder)
    links = re.findall(r'(?:href|src|xlink:href)="([^"]+)"', text)
    outside = [link for link in links if not link.startswith(("#", "data:"))]
    assert len(outside) > 30
    for link in outside:
        assert (folder / html.unescape(link)).is_file(), link
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    for named_space in ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"):
        text = text.replace(named_space, "")
    assert "http" not in text
    assert not re.search(r"<script[^>]+src", text)


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["savings", "causes", "descriptions", "costs", "findings"])
def test_a_page_lacks_only_what_the_record_lacks(
    record: Record, folder: Path, tmp_path: Path, missing: str
) -> None:
    whole = set(re.findall(r'<section id="(\w+)"', page(folder)))
    left = {key: value for key, value in record.items() if key != missing}
    if missing == "causes":
        left["descriptions"] = []
    text = page(written(left, tmp_path))
    gone = {
        "savings": {"labels"}, "causes": {"causes"}, "costs": {"costs"}, "descriptions": set(),
        "findings": {"verdicts", "rooms"},
    }  # fmt: skip
    assert set(re.findall(r'<section id="(\w+)"', text)) == whole - gone[missing]
    shown = re.findall(r'<li><a href="#(\w+)">', text)
    assert set(shown) == whole - gone[missing]
    assert "None" not in words(text)


def test_a_study_without_any_result_has_a_page(tmp_path: Path) -> None:
    bare = {"title": "Does it?", "comparisons": {}, "cautions": ["4 of 4 cells are not finished."]}
    told = words(page(written(bare, tmp_path)))
    assert "No question of this study can be answered yet." in told
    assert "4 of 4 cells are not finished." in told


def test_a_baseline_beside_an_arm_has_no_interval_and_no_verdict(
    record: Record, tmp_path: Path
) -> None:
    one = json.loads(json.dumps(record["findings"][0]))
    one["difference"] |= {"low": None, "high": None, "p": None, "p_adjusted": None}
    one |= {"verdict": "undecided", "low": None, "high": None, "equivalence_p": None}
    one["power"] |= {"smallest": None, "seeds_needed": None, "scenes_needed": None}
    folder = written({**record, "findings": [one], "unanswered": []}, tmp_path)
    told = words(page(folder))
    assert "It cannot be told: F-score +0.0150 (no interval)." in told
    assert "Of one question asked beforehand" in told
    row = rows(folder, "tables/findings")[0]
    assert (row["low"], row["high"], row["smallest_found"]) == ("", "", "")


def test_names_are_text_wherever_they_stand(record: Record, tmp_path: Path) -> None:
    bad = '<i onload="x">&_%'
    text = json.dumps(record).replace("from-reconstruction", json.dumps(bad)[1:-1])
    text = text.replace("Do reconstruction", "<script>1</script>")
    folder = written(json.loads(text), tmp_path)
    found = page(folder)
    assert "<i onload" not in found
    assert "<script>1" not in found
    assert html.escape(bad).replace("&quot;", "&#34;") in found
    for drawing in folder.glob("report/figures/*.svg"):
        ElementTree.fromstring(drawing.read_text("utf-8"))
        assert re.fullmatch(r"[\w-]+", drawing.stem)
    assert any(row["arm"] == bad for row in rows(folder, "tables/findings"))
    assert "\\&\\_\\%" in (folder / "report/tables/findings.tex").read_text("utf-8")


def test_a_page_of_its_own_place_and_no_other_s(record: Record, tmp_path: Path) -> None:
    study, page = tmp_path / "study", tmp_path / "somewhere" / "page.html"
    study.mkdir()
    written(record, study)
    made = write_transfer_page(study, page)
    assert made.page == page
    assert all(path.is_file() and path.is_relative_to(page.parent) for path in made.beside)
    assert (page.parent / "page-report" / "tables" / "findings.csv").is_file()
    (study / "index.html").write_text("mine")
    with pytest.raises(ArtifactError, match="did not write"):
        write_transfer_page(study)
    with pytest.raises(ArtifactError, match=r"holds no transfer\.json"):
        write_transfer_page(tmp_path)


# --- in a browser --------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_it_fits_every_window_and_asks_for_nothing(
    tab: Tab, folder: Path, width: int, dark: bool
) -> None:
    tab.console.clear()
    tab.requests.clear()
    tab.open((folder / "index.html").as_uri(), width, 900, dark)
    assert tab.run("document.documentElement.scrollWidth") <= width
    tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run(CONTRAST) == []
    over = """[...document.querySelectorAll('main *')].filter(e => {
      var r = e.getBoundingClientRect(), scrolls = e.closest('.table');
      return r.width && !scrolls && (r.left < -1 || r.right > innerWidth + 1)})"""
    assert tab.run(f"{over}.map(e => e.outerHTML)") == []
    outline = "[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])"
    levels = tab.run(outline)
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    unnamed = """[...document.querySelectorAll('svg,[role=region],nav,a')].filter(e =>
      !(e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)"""
    assert tab.run(unnamed) == []
    assert tab.console == []
    asked = [url for url in tab.requests if not url.startswith(("file:", "data:"))]
    assert asked == []


def test_a_phone_shows_the_matrix_without_scrolling_sideways(tab: Tab, folder: Path) -> None:
    tab.open((folder / "index.html").as_uri(), 390, 900)
    matrix = "document.querySelector('table.matrix')"
    assert tab.run(f"{matrix}.scrollWidth <= {matrix}.parentElement.clientWidth")
    assert tab.run(f"{matrix}.querySelectorAll('.verdict').length") == 7
