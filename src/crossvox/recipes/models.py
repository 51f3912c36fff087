"""Networks that come with the package: a list, a card, and whether they are what they were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossvox.core.checks import ArtifactError, CrossvoxError, error_text, expect
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.card_text import MARK, card_text, models_page
from crossvox.recipes.cards import Card, read_card
from crossvox.recipes.shipped import FOLDER, SETS, find_run, sets_of, shipped_runs


@dataclass(frozen=True)
class Model:
    """A network that comes with the package, in one line.

    Attributes:
        name: stands for its run folder.
        sets: which sets it belongs to.
        task: name of its task.
        bytes: size of its weights.
        licence: of its weights.
        title: one line.
        check: what became of digest and self-test; empty: they were not asked for.
    """

    name: str
    sets: tuple[str, ...]
    task: str
    bytes: int
    licence: str
    title: str
    check: str = ""


@dataclass(frozen=True)
class ModelList:
    """The networks that come with the package.

    Attributes:
        models: what there is.
        missing: members of sets that this installation lacks.
        broken: names of those that are not what they were.
        page: where the cards were written; None: they were not.
    """

    models: tuple[Model, ...]
    missing: tuple[str, ...]
    broken: tuple[str, ...] = ()
    page: Path | None = None


@dataclass(frozen=True)
class ShownCard:
    """One card.

    Attributes:
        card: what it says.
        text: the same as Markdown.
    """

    card: Card
    text: str


def models(
    name: Path | None = None,
    *,
    check: bool = False,
    page: Path | None = None,
    progress: Progress | None = None,
) -> ModelList | ShownCard:
    """List the networks that come with the package, or show the card of one.

    Args:
        name: of a network, or a run folder that 'crossvox pack' wrote; its card is shown.
        check: load the networks, and compare their digests and their answers to a stored input
            with what was packed.
        page: write all cards as one Markdown page.
        progress: who watches.

    Raises:
        ParamsError: no network is called so.
        ArtifactError: a card is missing or damaged, or the page's file holds something else.
    """
    if name is not None and not check:
        card = read_card(find_run(name))
        return ShownCard(card, card_text(card))
    runs = [find_run(name)] if name is not None else [FOLDER / one for one in shipped_runs()]
    cards = [read_card(run) for run in runs]
    if page is not None:
        _expect_own(page)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(models_page(cards), encoding="utf-8")
    checked = {run: _checked(run, progress or Silent()) for run in runs} if check else {}
    members = dict.fromkeys(member for roles in SETS.values() for member in roles.values())
    return ModelList(
        tuple(
            Model(
                card.name,
                sets_of(card.name),
                card.task,
                card.bytes,
                card.licence,
                card.title,
                checked.get(run, ""),
            )
            for run, card in zip(runs, cards, strict=True)
        ),
        tuple(member for member in members if member not in shipped_runs()),
        tuple(run.name for run, found in checked.items() if found != PASSED),
        page,
    )


PASSED = "passed"


def _checked(run: Path, progress: Progress) -> str:
    from crossvox.recipes.check_model import check_model

    progress.say(f"{run.name}: digest and self-test")
    try:
        check_model(run)
    except CrossvoxError as error:
        return error_text(error)
    return PASSED


def _expect_own(page: Path) -> None:
    """Refuse to write over anything but a page of cards.

    Raises:
        ArtifactError: there is something else.
    """
    try:
        ours = not page.exists() or page.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, ValueError):
        ours = False
    expect(
        ours,
        given=f"{page}, in whose place is something else than a page of cards",
        needed="a new file, or a page that 'crossvox models --page' wrote",
        do="name another file",
        error=ArtifactError,
    )
