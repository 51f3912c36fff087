"""``import crossvox as cv``: light to import, what it says it holds, and every example runs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import crossvox as cv
from crossvox import library
from crossvox.core.checks import ArtifactError, CaptureError

ORDER = (
    *("write_rooms", "open_capture", "fuse", "prepare", "Room", "predict_rooms", "evaluate_rooms"),
    *("evaluate_labels", "score_meshes", "find_objects", "scan", "models"),
)
"""Each example reads what those before it wrote."""


def example(name: str) -> str:
    """The code in the docstring of a public name."""
    (code,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(getattr(cv, name)) or "", re.DOTALL)
    return dedent(code)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that all examples run in."""
    folder = tmp_path_factory.mktemp("library")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def said(work: Path) -> dict[str, str]:
    """What each example prints."""
    return {name: _run(example(name)) for name in ORDER}


def _run(code: str) -> str:
    with redirect_stdout(StringIO()) as out:
        exec(compile(code, "example", "exec"), {})
    return out.getvalue()


SAYS = {
    "write_rooms": r"scene0000_00 \w+.* train\nscene0001_00 \w+.* val\n",
    "open_capture": r"scene0000_00 12 frames, .*\n\(96, 128, 3\) \d",
    "fuse": r"\d{3,} vertices from \[",
    "prepare": r"\{'train': \('scene0000_00',\), 'val': \('scene0001_00',\)\} failed: \(\)",
    "Room": r"scene0000_00 \d{4,} vertices\n +\d+\.\d m2 wall\n",
    "predict_rooms": r"scene0001_00 \d{4,} vertices",
    "evaluate_rooms": r"learnt +0\.\d{4} by .*\n(.*\n)*tsdf +0\.\d{4} by",
    "evaluate_labels": r"learnt +0\.\d{4} by",
    "score_meshes": r"F-score 1\.0 ",
    "find_objects": r"\{.*\} \d+\.\d m2\n1 \w",
    "scan": r"Room\('scene0000_00': \d+ vertices, not labelled.*\) in .*room.ply",
    "models": r"default3d complete \d+\.\d MB",
}
"""What each example says: the numbers are those of the rooms, their form is asked for."""


def test_every_function_has_an_example_that_is_tried() -> None:
    functions = {name for name in library.__all__ if not name.endswith("Params")}
    assert functions == set(ORDER) == set(SAYS)


@pytest.mark.parametrize("name", ORDER)
def test_the_example_runs(name: str, said: dict[str, str]) -> None:
    assert re.search(SAYS[name], said[name]), said[name]


def test_what_is_listed_is_there_and_is_the_same() -> None:
    assert sorted(cv.__all__) == sorted([*library.__all__, "__version__"])
    for name in library.__all__:
        assert getattr(cv, name) is getattr(library, name)
        assert name in dir(cv)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = cv.nothing_of_the_kind


def test_what_a_type_checker_sees_is_what_there_is() -> None:
    source = inspect.getsource(cv).partition("if TYPE_CHECKING:")[2].partition(")")[0]
    listed = re.findall(r"\w+", source.partition("import (")[2])
    assert sorted(listed) == sorted(library.__all__)


def test_no_name_is_that_of_a_sub_package() -> None:
    packages = {path.stem for path in Path(cv.__path__[0]).iterdir() if path.stem[0] != "_"}
    assert not packages & set(library.__all__)


def test_the_package_is_imported_without_any_library() -> None:
    code = "import sys, crossvox; print(sorted({'numpy', 'torch', 'tyro'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_room_tells_what_its_folder_holds(said: dict[str, str]) -> None:
    labelled = cv.Room("data", "scene0001_00")
    assert labelled.labels is not None
    assert labelled.confidence is None, "true labels are not doubted"
    assert next(iter(labelled.classes)) in ("wall", "floor", "ceiling")
    assert labelled.objects, "a generated room knows what it holds"
    predicted = cv.Room("prediction")
    assert predicted.name == "scene0001_00"
    assert predicted.confidence is not None
    assert predicted.confidence.shape == (len(predicted.mesh.vertices_m),)
    assert "classes" in repr(predicted)
    assert len(cv.Room("objects/mesh.ply").objects) == said["find_objects"].count("\n") - 1


@pytest.mark.parametrize(
    ("given", "error"), [("nowhere", ArtifactError), ("nowhere.ply", ArtifactError)]
)
def test_a_room_that_is_not_there_is_refused(given: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="needed: "):
        cv.Room(given)


def test_a_capture_without_poses_is_refused_by_fuse(work: Path, said: dict[str, str]) -> None:
    class Lost:
        """A capture whose tracking was lost throughout."""

        def __init__(self, capture: Any) -> None:
            self._capture = capture

        def __getattr__(self, name: str) -> Any:
            return getattr(self._capture, name)

        def __len__(self) -> int:
            return len(self._capture)

        def pose(self, index: int) -> None:
            return None

    lost: Any = Lost(cv.open_capture(work / "rooms" / "scene0000_00"))
    with pytest.raises(CaptureError, match="none with a valid pose"):
        cv.fuse(lost)
