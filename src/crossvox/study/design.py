"""A transfer study as data: cells of source x target x mode x labels, and questions asked of them.

A design is a YAML file, see ``docs/study.md`` for its keys. Nothing here knows how a target is
trained: parameters are dotted names with values, which whoever trains binds to its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from crossvox.core.checks import ParamsError, expect
from crossvox.core.registry import nearest
from crossvox.study.arms import ARMS, MODES, RENDERED, SEGMENT2D, SOURCES, Arm, baselines_of
from crossvox.study.findings import MARGINS
from crossvox.study.overrides import Of
from crossvox.study.transfer import Contrast

WAYS: Mapping[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "random": ("random", ""),
    "imagenet": ("imagenet", ""),
    "segment2d": ("run2d", ""),
    "reconstruct-rgb": ("", "reconstruct/rgb"),
    "reconstruct-features": ("run2d", "reconstruct/segmentation"),
    "segment3d": ("run2d", "segment3d/scratch"),
    "both": ("both", ""),
}
"""How a source reaches a target where a cell does not say: what is lifted, and what it starts
from."""

NAMED_SOURCES = ("timm:", "files:")
"""Beginnings of sources that name themselves what is lifted."""


@dataclass(frozen=True)
class CellDesign:
    """One cell, by what it differs in from an arm that is known or from nothing.

    Attributes:
        name: of the cell.
        like: arm that it is made after; empty: the one of its name, where there is one.
        differs: one sentence; empty: that of the arm.
        sets: values by dotted name, on top of the arm's; ``{of: NAME}`` is a value that the
            target's parameters give.
        features, start, source, mode, share, points, control_of: see
            :class:`crossvox.study.arms.Arm`; None: as the arm has it.
        control: likewise.
    """

    name: str
    like: str = ""
    differs: str = ""
    sets: dict[str, Any] = field(default_factory=dict)
    features: str | None = None
    start: str | None = None
    source: str | None = None
    mode: str | None = None
    share: float | None = None
    points: int | None = None
    control_of: str | None = None
    control: bool | None = None


@dataclass(frozen=True)
class Factors:
    """Cells that are crossed: every source with every mode, share and number of points.

    Attributes:
        source, mode, share, points: values of each factor.
        name: of a cell, a text with the factors in braces; empty: all factors that vary.
        only: if there are any, cells that agree with one of these alone.
        but: cells that agree with one of these are left out; ``except`` in a file.
        sets: values by dotted name, for all of them.
    """

    source: tuple[str, ...] = ("nothing",)
    mode: tuple[str, ...] = ("full",)
    share: tuple[float, ...] = (1.0,)
    points: tuple[int, ...] = (0,)
    name: str = ""
    only: tuple[dict[str, Any], ...] = ()
    but: tuple[dict[str, Any], ...] = ()
    sets: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetDesign:
    """What is trained for one target.

    Attributes:
        params: parameters by dotted name, on top of the design's.
        cells: by name.
        factors: crossed ones.
    """

    params: dict[str, Any] = field(default_factory=dict)
    cells: tuple[CellDesign, ...] = ()
    factors: tuple[Factors, ...] = ()


@dataclass(frozen=True)
class Saving:
    """Two curves over the share of labelled rooms, to tell how many fewer one of them needs.

    Attributes:
        name: of the comparison.
        target: whose score.
        arm, control: cells of both curves.
        score: which; empty: the main one.
    """

    name: str
    target: str
    arm: tuple[str, ...]
    control: tuple[str, ...]
    score: str = ""


@dataclass(frozen=True)
class Design:
    """A transfer study.

    Attributes:
        name: of the design.
        title: what it asks, one sentence.
        targets: by name.
        contrasts: questions that are asked beforehand.
        savings: label savings that are told.
        params: parameters by dotted name, for all targets that have them.
        seeds: how many.
        level: how often intervals shall hold the truth.
        margins: differences of no consequence, by score.
        data: commands that make the data and the 2D run, for a design that says which they are.
        measured: what it took where it was run: free text by name.
    """

    name: str
    title: str
    targets: dict[str, TargetDesign]
    contrasts: tuple[Contrast, ...] = ()
    savings: tuple[Saving, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3
    level: float = 0.95
    margins: dict[str, float] = field(default_factory=lambda: dict(MARGINS))
    data: tuple[str, ...] = ()
    measured: dict[str, str] = field(default_factory=dict)

    def cells(self, target: str) -> tuple[Arm, ...]:
        """The cells of a target as arms, in the order of the design.

        Raises:
            ParamsError: a cell that cannot be, or two of one name.
        """
        asked = self.targets[target]
        found = [_arm(cell, target) for cell in asked.cells]
        for factors in asked.factors:
            found += [_arm(cell, target) for cell in crossed(factors)]
        names = [arm.name for arm in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        expect(
            not twice,
            given=f"target {target} with {', '.join(twice)} twice",
            needed="a name of its own for each cell",
            do="rename one of them, or add a factor to the name",
            error=ParamsError,
        )
        return tuple(found)

    def checked(self) -> Design:
        """The same, if all that it names is there.

        Raises:
            ParamsError: something is missing, or makes no sense; names it.
        """
        expect(
            self.seeds >= 1 and 0.5 < self.level < 1 and bool(self.targets),
            given=f"{self.seeds} seeds, level {self.level}, {len(self.targets)} targets",
            needed="one seed or more, a level between 0.5 and 1, one target or more",
            do="correct the design",
            error=ParamsError,
        )
        names = {target: self._names(target) for target in self.targets}
        for contrast in self.contrasts:
            _expect_cells(
                f"contrast {contrast.name}",
                contrast.target,
                (contrast.arm, contrast.control),
                names,
            )
        for saving in self.savings:
            named = (*saving.arm, *saving.control)
            _expect_cells(f"saving {saving.name}", saving.target, named, names)
        _expect_unique("contrasts", [contrast.name for contrast in self.contrasts])
        _expect_unique("savings", [saving.name for saving in self.savings])
        return self

    def _names(self, target: str) -> tuple[str, ...]:
        cells = (arm.name for arm in self.cells(target))
        return (*cells, *(arm.name for arm in baselines_of(target)))


def with_params(design: Design, values: Mapping[str, Any]) -> Design:
    """A design whose cells all share these parameters, instead of its own of the same names.

    Args:
        design: the design.
        values: by dotted name, with dashes or underscores.

    Example:
        >>> one = Design("one", "What?", {"reconstruct": TargetDesign({"run.train.steps": 9})})
        >>> with_params(one, {"run.train.steps": 3}).targets["reconstruct"].params
        {}
    """
    names = {name.replace("-", "_") for name in values}

    def others(params: Mapping[str, Any]) -> dict[str, Any]:
        return {k: value for k, value in params.items() if k.replace("-", "_") not in names}

    targets = {
        name: replace(one, params=others(one.params)) for name, one in design.targets.items()
    }
    return replace(design, params={**others(design.params), **values}, targets=targets)


def crossed(factors: Factors) -> list[CellDesign]:
    """Every combination of the factors that is not left out, as cells.

    Raises:
        ParamsError: none is left, or a factor that there is not is named.
    """
    axes = ("source", "mode", "share", "points")
    for pick in (*factors.only, *factors.but):
        expect_keys(pick, axes, "a combination of factors")
    varying = [axis for axis in axes if len(getattr(factors, axis)) > 1] or ["source"]
    form = factors.name or "-".join(f"{{{axis}}}" for axis in varying)
    found = []
    for values in product(*(getattr(factors, axis) for axis in axes)):
        one = dict(zip(axes, values, strict=True))
        asked = not factors.only or any(_agrees(one, pick) for pick in factors.only)
        if asked and not any(_agrees(one, pick) for pick in factors.but):
            found.append(CellDesign(_filled(form, one), sets=dict(factors.sets), **one))
    expect(
        bool(found),
        given="factors of which every combination is left out",
        needed="at least one cell",
        do="correct only and except",
        error=ParamsError,
    )
    return found


def _agrees(one: Mapping[str, Any], pick: Mapping[str, Any]) -> bool:
    return all(
        one[axis] in (value if isinstance(value, list | tuple) else (value,))
        for axis, value in pick.items()
    )


def _filled(form: str, one: Mapping[str, Any]) -> str:
    shown = {**one, "source": one["source"].replace("/", "-"), "share": f"{one['share']:g}"}
    try:
        return form.format(**shown)
    except (KeyError, IndexError, ValueError):
        raise ParamsError(
            f"given: cells called {form!r}; needed: a text with {{source}}, {{mode}}, {{share}} or "
            f"{{points}}; do: correct the name of the factors"
        ) from None


def _arm(cell: CellDesign, target: str) -> Arm:
    """A cell as an arm."""
    like = _like(cell, target)
    given = {
        name: value
        for name in ("features", "start", "source", "mode", "share", "points", "control_of")
        if (value := getattr(cell, name)) is not None
    }
    arm = replace(like, name=cell.name, task=target, learns=True, **given)
    arm = replace(arm, sets={**arm.sets, **{k: _value(v) for k, v in cell.sets.items()}})
    if cell.differs:
        arm = replace(arm, differs=cell.differs)
    if cell.control is not None or cell.like:
        arm = replace(arm, control=bool(cell.control))
    _expect_axes(arm)
    arm = _by_source(arm, cell)
    _expect_name(arm.name)
    return arm


def _like(cell: CellDesign, target: str) -> Arm:
    """The arm that a cell is made after; one of nothing, where none is named."""
    known = [arm.name for arm in ARMS.values() if arm.task == target and arm.learns]
    if cell.like or cell.name in known:
        wanted = cell.like or cell.name
        expect(
            wanted in known,
            given=f"cell {cell.name} like {wanted!r}",
            needed=f"an arm of {target}: {', '.join(known)}",
            do=nearest(wanted, known) or "correct the name",
            error=ParamsError,
        )
        return ARMS[wanted]
    expect(
        cell.source is not None or cell.features is not None or cell.start is not None,
        given=f"cell {cell.name!r}, which no arm of {target} is called",
        needed=f"one of {', '.join(known)}, or a cell that tells its source",
        do=nearest(cell.name, known) or "add source, or like",
        error=ParamsError,
    )
    if target == SEGMENT2D:
        return replace(ARMS[RENDERED], differs="")
    return Arm(cell.name, "", target)


def _expect_axes(arm: Arm) -> None:
    source, _, own = arm.source.partition(":")
    named = f"{source}:" in NAMED_SOURCES and own != ""
    expect(
        arm.source in SOURCES or named,
        given=f"cell {arm.name} with source {arm.source!r}",
        needed=f"one of {', '.join(SOURCES)}, timm:NAME, files:FOLDER",
        do=nearest(arm.source, SOURCES) or "correct the source",
        error=ParamsError,
    )
    expect(
        arm.mode in MODES and 0 < arm.share <= 1 and arm.points >= 0,
        given=f"cell {arm.name} with mode {arm.mode!r}, share {arm.share}, points {arm.points}",
        needed=f"a mode of {', '.join(MODES)}, a share above 0 to 1, 0 points or more",
        do=nearest(arm.mode, MODES) or "correct the cell",
        error=ParamsError,
    )


def _by_source(arm: Arm, cell: CellDesign) -> Arm:
    """What a cell lifts and starts from, and what learns, as its source and mode say."""
    if cell.source is not None:
        own = arm.source if arm.source.startswith(NAMED_SOURCES) else ""
        features, start = WAYS.get(arm.source, (own, ""))
        if cell.features is None:
            arm = replace(arm, features=features)
        if cell.start is None:
            arm = replace(arm, start=start)
    if cell.source is None and cell.mode is None and cell.start is None:
        return _told(arm)
    sets: dict[str, Any] = {}
    if arm.mode == "trainable-2d":
        sets = {"sources.features_rate": Of("features_rate")}
    elif arm.start and arm.mode != RENDERED:
        sets = {"run.transfer.mode": arm.mode}
    starts = dict.fromkeys(("probe", "decoder", RENDERED), arm.start)
    needs = {**starts, "trainable-2d": arm.features}
    expect(
        needs.get(arm.mode, "yes") != "",
        given=f"cell {arm.name}: mode {arm.mode} with source {arm.source}",
        needed="a 2D network that is lifted" if arm.mode == "trainable-2d" else "a run to start on",
        do="leave the cell out (except), or correct its source",
        error=ParamsError,
    )
    return _told(replace(arm, sets={**sets, **arm.sets}))


def _told(arm: Arm) -> Arm:
    """An arm with a sentence on what it differs in."""
    if arm.differs:
        return arm
    if arm.mode == RENDERED:
        return replace(arm, differs=f"Labels of {arm.start}, rendered back into the frames.")
    labels = "" if arm.share == 1 else f", labels of {arm.share:.0%} of the rooms"
    labels += f", {arm.points} labelled points a room" if arm.points else ""
    return replace(arm, differs=f"Source {arm.source}, mode {arm.mode}{labels}.")


def _value(value: Any) -> Any:
    """A value of a file; ``{of: NAME}`` is the target's own."""
    if isinstance(value, dict) and set(value) == {"of"}:
        return Of(str(value["of"]))
    return value


def _expect_name(name: str) -> None:
    expect(
        bool(name) and not name.startswith(".") and not set(name) & set("/\\\0\n"),
        given=f"a cell called {name!r}",
        needed="a name that a folder can have",
        do="rename it",
        error=ParamsError,
    )


def _expect_cells(
    what: str, target: str, cells: Sequence[str], names: Mapping[str, Sequence[str]]
) -> None:
    expect(
        target in names,
        given=f"{what} of target {target!r}",
        needed=f"one of {', '.join(names)}",
        do=nearest(target, names) or "correct the target",
        error=ParamsError,
    )
    for cell in cells:
        expect(
            cell in names[target],
            given=f"{what}, which names the cell {cell!r}",
            needed=f"a cell of {target}: {', '.join(names[target])}",
            do=nearest(cell, names[target]) or "correct the name, or add the cell",
            error=ParamsError,
        )


def _expect_unique(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    expect(
        not twice,
        given=f"{what} with {', '.join(twice)} twice",
        needed="a name of its own for each",
        do="rename one of them",
        error=ParamsError,
    )


def expect_keys(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse keys that there are not, with the nearest that there is."""
    for key in given:
        expect(
            key in known,
            given=f"{where} with {key!r}",
            needed=f"only {', '.join(known)}",
            do=nearest(str(key), known) or "leave it out",
            error=ParamsError,
        )


def fields_of(kind: type) -> tuple[str, ...]:
    """Names of a dataclass's fields."""
    return tuple(one.name for one in dataclasses.fields(kind))
