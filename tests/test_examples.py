"""The examples answer ``--help``, and a call without what they need."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert [path.name[:3] for path in EXAMPLES] == ["00_", "01_", "02_", "03_"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), ([], 2)])
def test_an_example_tells_how_it_is_called(
    example: Path,
    words: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [example.name, *words])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(example), run_name="__main__")
    assert end.value.code == code
    said = capsys.readouterr()
    assert f"usage: {example.name}" in (said.err if code else said.out)
