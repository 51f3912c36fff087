"""Pages that are made while the site is built: the reference of the commands, from their flags, and
the list of where numbers come from.

Nothing of it is written down twice: summaries come from the list of commands, flags and their
texts from the same parser that reads a command line.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import tyro
from trials import numbers

from crossvox.cli.signature import CONFIG, interface
from crossvox.recipes.commands import COMMANDS, Command

FOLDER = "commands"

PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "captures": ("A capture of your own", ("scan", "doctor", "info", "convert", "track")),
    "rooms": ("Rooms and data", ("rooms", "prepare", "single-views", "flatten")),
    "train": ("train", ("train *",)),
    "predict": ("predict, objects", ("predict", "predict2d", "calibrate", "objects")),
    "evaluate": ("evaluate, score", ("evaluate *", "score")),
    "study": ("study", ("study", "study *")),
    "look": ("report, view, status, demo", ("report", "view", "compare", "status", "demo")),
    "files": ("models, import, export", ("models", "pack", "import *", "export *")),
}
"""Pages by their file: title, and the commands that they tell of; ``train *`` is all of a group."""

REST = ("more", "More commands")
"""Page of the commands that no other page names."""


def on_config(config: Any) -> Any:
    """Put the pages into the navigation, where it says ``Commands``."""
    pages = [{title: f"{FOLDER}/{file}.md"} for file, title, _ in pages_of(COMMANDS)]

    def put(parts: list[Any]) -> None:
        for part in parts:
            for name, below in part.items() if isinstance(part, dict) else ():
                if name == "Commands":
                    below.extend(pages)
                elif isinstance(below, list):
                    put(below)

    put(config["nav"])
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    from mkdocs.structure.files import File

    made = {"index": index_page()}
    made |= {file: command_page(title, names) for file, title, names in pages_of(COMMANDS)}
    for file, text in made.items():
        files.append(File.generated(config, f"{FOLDER}/{file}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the records of numbers, where a page asks for them."""
    return markdown.replace("<!-- records -->", numbers.page_text())


def on_page_content(html: str, **_: Any) -> str:
    """References of docstrings are plain code, code is scrolled by keys too, no header is empty."""
    html = re.sub(r":(?:func|class|mod|meth|attr|data|exc):<code>~?", "<code>", html)
    html = re.sub(r"<th([^>]*)></th>", r"<td\1></td>", html)
    return re.sub(r"<pre\b(?![^>]*tabindex)", '<pre tabindex="0"', html)


def on_post_page(output: str, **_: Any) -> str:
    """Say what the theme leaves without a name."""
    search = 'data-md-component="search" role="dialog"'
    return output.replace(search, f'{search} aria-label="Search"')


def pages_of(names: Iterable[str]) -> list[tuple[str, str, list[str]]]:
    """File, title and commands of each page; every command is on one of them."""
    left = list(names)
    found: list[tuple[str, str, list[str]]] = []
    for file, (title, asked) in PAGES.items():
        groups = tuple(word.removesuffix("*") for word in asked if word.endswith("*"))
        named = [n for n in left if n in asked or (groups and n.startswith(groups))]
        left = [name for name in left if name not in named]
        if named:
            found.append((file, title, named))
    return [*found, (*REST, left)] if left else found


def index_page() -> str:
    """All commands in a line each, and the flags that they share."""
    lines = ["# Commands", "", "Made from the commands themselves: `crossvox COMMAND --help`.", ""]
    for file, title, names in pages_of(COMMANDS):
        lines += [f"## {title}", "", "| command | what it does |", "|---|---|"]
        for name in names:
            link = f"{file}.md#crossvox-{name.replace(' ', '-')}"
            lines.append(f"| [`crossvox {name}`]({link}) | {cell(COMMANDS[name].summary)} |")
        lines.append("")
    shared = [a for a in actions(COMMANDS["prepare"], "") if is_shared(a)]
    lines += ["## What every command takes", "", *flag_table(shared), ""]
    lines += [
        "`--shard`, `--only` and `--skip` are for commands that make the items of a folder, "
        "`--backend`, `--memory`, `--retry-failed` and `--verify` for those that make stages. "
        "[The command line](../command-line.md) tells more.",
    ]
    return "\n".join(lines)


def command_page(title: str, names: Iterable[str]) -> str:
    """The reference of some commands."""
    lines = [f"# {title}", ""]
    for name in names:
        lines += command_text(COMMANDS[name])
    lines += ["All take the [flags of every command](index.md#what-every-command-takes) as well."]
    return "\n".join(lines)


def command_text(command: Command) -> Iterator[str]:
    """One command: usage, what it does, its flags, and those of its other recipes."""
    own = list(actions(command, ""))
    places = [a for a in own if not a.option_strings]
    usage = " ".join(("crossvox", command.name, *(place_name(a) for a in places)))
    yield from (f"## crossvox {command.name}", "", "```console", f"$ {usage} [FLAGS]", "```", "")
    yield from (about(command.load()), "")
    if places:
        yield from ("| given by place | what it is |", "|---|---|")
        yield from (f"| `{place_name(a)}` | {told(a)[0]} |" for a in places)
        yield ""
    yield from flags_text(own, "")
    shown = [signature_of(own)]
    for preset in command.presets:
        other = list(actions(command, preset))
        if preset and signature_of(other) not in shown:
            shown.append(signature_of(other))
            yield from (f'??? note "`--preset {preset}`"', "")
            inside = [about(command.load(preset)), "", *flags_text(other, preset)]
            yield from (f"    {line}" for text in inside for line in text.split("\n"))
            yield ""


def flags_text(found: Iterable[argparse.Action], preset: str) -> Iterator[str]:
    """Flags as tables: the plain ones, then each group that has a name in front of its flags."""
    groups: dict[str, list[argparse.Action]] = {}
    for action in found:
        if action.option_strings and not is_shared(action):
            front = action.option_strings[0].lstrip("-").partition(".")
            groups.setdefault(front[0] if front[1] else "", []).append(action)
    if not groups:
        yield from ("It has no flags of its own.", "")
    for name, listed in groups.items():
        if not name:
            yield from (*flag_table(listed), "")
            continue
        few = "one flag" if len(listed) == 1 else f"{len(listed)} flags"
        yield from (f'??? info "`--{name}.*`: {few}"', "")
        yield from (f"    {line}" for line in flag_table(listed))
        yield ""


def flag_table(listed: Iterable[argparse.Action]) -> list[str]:
    """Flags, what they do, and what is taken where they are not given."""
    rows = ["| flag | what it does | by default |", "|---|---|---|"]
    for action in listed:
        text, usual = told(action)
        name = action.option_strings[0]
        value = value_of(action)
        rows.append(f"| `{name}{' ' + value if value else ''}` | {text} | {usual} |")
    return rows


def actions(command: Command, preset: str) -> Iterator[argparse.Action]:
    """What a command's parser takes, but for its help."""
    ask = interface(command.load(preset), by_item=command.by_item)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser = tyro.extras.get_parser(ask, config=CONFIG)
    for group in parser._action_groups:
        yield from (a for a in group._group_actions if a.dest != "help")


def signature_of(found: Iterable[argparse.Action]) -> tuple[Any, ...]:
    """What tells two recipes' flags apart."""
    return tuple((tuple(a.option_strings), a.help) for a in found)


def is_shared(action: argparse.Action) -> bool:
    """Whether every command takes it."""
    return action.dest.startswith("options.")


def place_name(action: argparse.Action) -> str:
    """What an argument that is given by place is called."""
    return f"{action.metavar or action.dest}".strip("[]").split()[0].upper()


def value_of(action: argparse.Action) -> str:
    """What stands behind a flag; nothing for a switch."""
    if action.nargs == 0:
        return ""
    value = str(action.metavar or "").replace("{None}|", "").replace("{None,", "{")
    return value.replace("|", " or ").replace(",", ", ")


def told(action: argparse.Action) -> tuple[str, str]:
    """Its help text and its default, as cells of a table."""
    text = " ".join((action.help or "").replace("%%", "%").split())
    found = re.search(r"\(default: (.*)\)$|\(required\)$|\(repeatable\)$", text)
    usual = "" if found is None else found[1] or ""
    text = text if found is None else text[: found.start()].strip()
    shown = "" if usual in ("None", "''", "") else f"`{usual}`"
    if found is not None and found[0] == "(required)" and action.option_strings:
        shown = "required"
    return cell(text), shown.replace("|", "\\|")


def about(function: Any) -> str:
    """The first paragraphs of a docstring, as they stand in the help."""
    text = inspect.getdoc(function) or ""
    text = re.split(r"^\s*(?:Args|Raises|Returns):\s*$", text, flags=re.MULTILINE)[0]
    return escaped(re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text.strip()))


def cell(text: str) -> str:
    """A text as a cell of a table."""
    return escaped(text).replace("|", "\\|")


def escaped(text: str) -> str:
    """A text whose signs mean nothing to Markdown but quotes of code."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("``", "`")
