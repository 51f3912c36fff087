"""What trials, benchmarks and examples take from the package, also within functions, is there."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("crossvox", "trials", "benchmarks")


def taken(file: Path) -> set[tuple[str, str]]:
    """Module and name of everything of ours that a file imports from."""
    return {
        (node.module, alias.name)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
        if node.module.split(".")[0] in OURS
    }


def there(module: str, name: str) -> bool:
    """Whether a module has the name, or is a package with a module of it."""
    found = import_module(module)
    if hasattr(found, name):
        return True
    return hasattr(found, "__path__") and find_spec(f"{module}.{name}") is not None


@pytest.mark.parametrize("folder", ["trials", "benchmarks", "examples"])
def test_what_is_imported_is_there(folder: str) -> None:
    found = {pair for file in (ROOT / folder).rglob("*.py") for pair in taken(file)}
    assert found
    assert sorted(f"{module}.{name}" for module, name in found if not there(module, name)) == []
