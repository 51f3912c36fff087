from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from crossvox.core import files

SOURCE = Path(files.__file__).parents[1]
FILE = re.compile(r"\w[\w.-]*\.(json|jsonl|npz|ply|safetensors|tsv)")


def constants(path: Path) -> dict[str, str]:
    """Texts that a module gives a name, by their names."""
    return {
        name.id: statement.value.value
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        for name in statement.targets
        if isinstance(name, ast.Name)
    }


def test_a_file_is_named_in_one_place() -> None:
    shared = set(constants(Path(files.__file__)).values())
    found = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for text in constants(path).values():
            if FILE.fullmatch(text) or text in shared:
                found[text].add(path.relative_to(SOURCE).as_posix())
    assert len(found) > 15
    assert shared <= set(found)
    assert not {name: places for name, places in found.items() if len(places) > 1}
