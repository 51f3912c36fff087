"""``--params FILE``: parameters from a run, from any folder with a manifest, or from plain JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from crossvox.core.artifact import MANIFEST, read_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.files import PARAMS
from crossvox.core.params import from_plain

T = TypeVar("T")


def read_params(path: Path, cls: type[T]) -> T:
    """The parameters of a command, as a file or a folder has them.

    Args:
        path: folder of a run or of any other artifact, its ``params.json`` or ``manifest.json``,
            or a JSON file of plain parameters, which may leave any of them out.
        cls: dataclass of the parameters that the command takes.

    Raises:
        ArtifactError: there is no such file, or it is no JSON.
        ParamsError: it holds no such parameters; names the file and the fields.
    """
    file = _file(path)
    found = list(_candidates(read_json(file)))
    if not found:
        raise ParamsError(
            f"given: {file}, which holds no parameters; needed: the fields of {cls.__name__}: "
            f"{', '.join(sorted(_fields(cls)))}; do: name a run folder or a JSON file of parameters"
        )
    fitting = [candidate for candidate in found if candidate and set(candidate) <= _fields(cls)]
    # Of several that do not fit, the text names the fields of the nearest.
    best = max(found, key=lambda candidate: len(_fields(cls) & set(candidate)))
    try:
        return from_plain(cls, (fitting or [best])[0], f"{file}: {cls.__name__}")
    except ParamsError as error:
        if str(file) in str(error):
            raise
        raise ParamsError(f"{file}: {error}") from None


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in (PARAMS, MANIFEST):
        if (path / name).is_file():
            return path / name
    raise ArtifactError(
        f"given: --params {path}, a folder without {PARAMS} or {MANIFEST}; needed: the folder of a "
        f"run or of another artifact, or a JSON file; do: correct --params"
    )


def _fields(cls: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def _candidates(document: Any) -> Iterator[Mapping[str, Any]]:
    """Where parameters may lie in a document, most telling first."""
    if not isinstance(document, Mapping):
        return
    recipe, params = document.get("recipe"), document.get("params")
    recorded = [recipe.get("params") if isinstance(recipe, Mapping) else None, params]
    here = [candidate for candidate in recorded if isinstance(candidate, Mapping)]
    yield from here
    for candidate in here:
        # Parameters of a part: of one run of a study, of the windows of a prediction.
        yield from (part for part in candidate.values() if isinstance(part, Mapping))
    if not here:
        yield document
