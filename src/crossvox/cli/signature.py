"""From a function's signature and docstring to its command line, and from words to its arguments.

See :mod:`crossvox.recipes.commands` for the rules.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from crossvox.cli.params_file import read_params
from crossvox.cli.spoken import document, speak
from crossvox.core.checks import ParamsError, expect
from crossvox.recipes.commands import Flag

INJECTED = ("runner", "progress")
"""Parameters that the command line fills in itself."""

STDOUT = Path("-")
"""What ``--json`` means where no file name follows."""

CONFIG = (
    # Parameters that are off, and not for the command line to switch on.
    tyro.conf.AvoidSubcommands,
    tyro.conf.SuppressFixed,
    tyro.conf.PositionalMetavarFromFieldName,
)


@dataclass(frozen=True)
class Options:
    """What every command takes.

    Attributes:
        params_file: run folder, manifest.json or JSON file that the command's parameters are taken
            from; flags go on top of it.
        dry_run: tell what would be made, what is kept, and about how long it takes; make nothing.
        json: file that the result is written to; where no name follows, it goes to standard output
            and nothing else does: tables join the remarks on the error stream.
        quiet: no progress or remarks, and no tables but those of a command that lists or tells
            and writes nothing; errors are told, and --json does what it does.
        backend: who makes the scenes: here, pool, ray, or what another package adds; by default
            this process for one worker, the pool for several.
        memory: the most that a worker may take, for example 4GB; an item that needs more fails,
            and no more workers are started than there is room for.
        retry_failed: also try again what failed before and would be made from the same.
        verify: read all files of what is there already and compare their content with what was
            written (names and sizes always are); what is damaged is made anew.
    """

    params_file: Annotated[Path | None, tyro.conf.arg(name="params", metavar="FILE")] = None
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    json: Annotated[Path | None, tyro.conf.arg(metavar="[FILE]")] = None
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    backend: Annotated[str, tyro.conf.arg(metavar="NAME")] = ""
    memory: Annotated[str, tyro.conf.arg(metavar="SIZE")] = ""
    retry_failed: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    verify: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False


@dataclass(frozen=True)
class ItemOptions(Options):
    """What a command takes that makes the items of a folder.

    Attributes:
        shard: work on part K of N of the items; in a job array of Slurm the task's place in it, by
            default.
        only: work on these items alone: names separated by commas, or a file with one a line.
        skip: leave these items out.
    """

    shard: Annotated[str, tyro.conf.arg(metavar="K/N")] = ""
    only: Annotated[str, tyro.conf.arg(metavar="LIST")] = ""
    skip: Annotated[str, tyro.conf.arg(metavar="LIST")] = ""


@dataclass(frozen=True)
class Asked:
    """What the words of a command line ask for.

    Attributes:
        arguments: by name of the function's parameters, those given by position included.
        options: what every command takes.
    """

    arguments: dict[str, Any]
    options: Options


def parse(
    function: Callable[..., Any], name: str, words: Sequence[str], *, by_item: bool = False
) -> Asked:
    """Read the words behind a command's name; ends the program for ``--help`` and wrong flags.

    Args:
        function: the recipe.
        name: of the command.
        words: behind its name.
        by_item: whether it takes :class:`ItemOptions`.

    Raises:
        ParamsError: a value that makes no sense, or a ``--params`` file that does not fit.
    """
    words = with_stdout(words)
    _expect_no_empty_place(function, words)
    # The file gives the defaults of the flags, and so must be known before they are.
    prog = f"crossvox {name}"
    options, _ = tyro.cli(
        Options, prog=prog, args=list(words), return_unknown_args=True, add_help=False
    )
    ask = interface(function, options.params_file, by_item=by_item)
    # Tyro keeps what it once read of a class, also where no help is asked for.
    speak(map(params_of, ask.__annotations__.values()))
    about = (ask.__doc__ or "").partition("Args:")[0].strip()
    asked: Asked = tyro.cli(ask, prog=prog, args=list(words), description=about, config=CONFIG)
    for name in _unnamed(function, words) if options.params_file is None else ():
        asked.arguments[name] = None
    return asked


def _expect_no_empty_place(function: Callable[..., Any], words: Sequence[str]) -> None:
    """Refuse an empty word for a path or a choice, as of a shell variable that is not set.

    As a path it would be the folder where the command is called, as a choice everything.

    Raises:
        ParamsError: there is one; names what comes before it.
    """
    parameters = inspect.signature(function).parameters
    hints = _hints(function, {n: p for n, p in parameters.items() if n not in INJECTED})
    # Behind a switch comes the next place.
    places = [name for name, kind in hints.items() if _bare(kind) in (Path, bool)]
    choices = [field.name for field in dataclasses.fields(ItemOptions)]
    flags = {f"--{name.replace('_', '-')}" for name in (*places, *choices, "params")}
    for before, word in zip(("", *words), words, strict=False):
        flag, equals, value = word.partition("=") if word.startswith("--") else (before, "=", word)
        expect(
            not (equals and value == "")
            or (flag.startswith("--") and flag not in flags and not _is_switched_off(flag)),
            given=f"an empty word{f' after {flag}' if flag else ''}",
            needed="a path or a name",
            do="leave it out; a variable of the shell may not be set",
            error=ParamsError,
        )


def _is_switched_off(flag: str) -> bool:
    """Whether a flag is of the kind ``--no-page`` or ``--predict.no-colors``."""
    return flag.removeprefix("--").rpartition(".")[2].startswith("no-")


def with_stdout(words: Sequence[str]) -> list[str]:
    """Words in which a ``--json`` that no file name follows says that it is standard output.

    Example:
        >>> with_stdout(["info", "capture", "--json", "--quiet"])
        ['info', 'capture', '--json', '-', '--quiet']
    """
    found: list[str] = []
    for place, word in enumerate(words):
        found.append(word)
        after = [*words[place + 1 :], "--"][0]
        if word == "--json" and after.startswith("-") and after != str(STDOUT):
            found.append(str(STDOUT))
    return found


def _unnamed(function: Callable[..., Any], words: Sequence[str]) -> list[str]:
    """Groups of flags that may be left out as a whole, and of which none is given."""
    parameters = inspect.signature(function).parameters
    hints = _hints(function, {n: p for n, p in parameters.items() if n not in INJECTED})
    given = tuple(word.replace("_", "-") for word in words)
    return [
        name
        for name, kind in hints.items()
        if parameters[name].default is None
        and parameters[name].kind is Parameter.KEYWORD_ONLY
        and params_of(kind) is not None
        and not any(isinstance(marker, Flag) for marker in getattr(kind, "__metadata__", ()))
        and not any(word.startswith(f"--{name.replace('_', '-')}.") for word in given)
    ]


def interface(
    function: Callable[..., Any], params_file: Path | None = None, *, by_item: bool = False
) -> Callable[..., Any]:
    """A function as tyro takes it: the visible parameters, and :class:`Options`.

    Args:
        function: the recipe.
        params_file: where its defaults come from, instead of the signature.
        by_item: whether it takes :class:`ItemOptions`.
    """
    kind = ItemOptions if by_item else Options
    visible = {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in INJECTED
    }
    hints = _hints(function, visible)
    defaults = _file_defaults(function, visible, hints, params_file)
    parameters = [
        _parameter(parameter, hints[name], defaults.get(name, parameter.default))
        for name, parameter in visible.items()
    ]
    options = Parameter(
        "options",
        Parameter.KEYWORD_ONLY,
        default=kind(params_file),
        annotation=Annotated[kind, tyro.conf.arg(name="")],
    )

    def ask(*, options: Options, **arguments: Any) -> Asked:
        return Asked(arguments, options)

    ask.__name__ = function.__name__
    ask.__doc__ = document(function)
    ask.__signature__ = inspect.Signature([*parameters, options])  # type: ignore[attr-defined]
    ask.__annotations__ = {p.name: p.annotation for p in (*parameters, options)}
    return ask


def params_of(kind: Any) -> type | None:
    """The dataclass of ``SomeParams`` or ``SomeParams | None``; None for any other type."""
    kind = _bare(kind)
    return kind if isinstance(kind, type) and dataclasses.is_dataclass(kind) else None


def _bare(kind: Any) -> Any:
    """A type without what is annotated, and without None."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        some = [choice for choice in get_args(kind) if choice is not type(None)]
        return some[0] if len(some) == 1 else kind
    return kind


def _one_or_several(kind: Any) -> Any:
    """The choices of ``Literal[...] | tuple[Literal[...], ...]``; None for any other type."""
    if get_origin(kind) not in (Union, types.UnionType):
        return None
    one = next((one for one in get_args(kind) if get_origin(one) is Literal), None)
    return one if any(get_args(many) == (one, ...) for many in get_args(kind)) else None


def _hints(function: Callable[..., Any], visible: dict[str, Parameter]) -> dict[str, Any]:
    """Types of the visible parameters; those of others need not be importable."""
    annotations = {name: parameter.annotation for name, parameter in visible.items()}
    holder = type("Hints", (), {"__annotations__": annotations})
    spaces = inspect.unwrap(function).__globals__
    return dict(get_type_hints(holder, globalns=spaces, include_extras=True))


def _parameter(parameter: Parameter, kind: Any, default: Any) -> Parameter:
    """One parameter as tyro takes it."""
    leading = parameter.kind is not Parameter.KEYWORD_ONLY
    markers = getattr(kind, "__metadata__", ())
    cls = params_of(kind)
    if cls is not None:
        default = cls() if default in (None, Parameter.empty) else default
        kind = Annotated[cls, tyro.conf.arg(name="")] if leading else cls
    elif leading:
        kind = Annotated[kind, tyro.conf.Positional]
    elif get_origin(_bare(kind)) is Literal and default is None:
        kind = Annotated[kind, _chosen_or_none(get_args(_bare(kind)))]
    elif choice := _one_or_several(kind):
        choices = ",".join(str(one) for one in get_args(choice))
        kind = Annotated[kind, tyro.conf.arg(metavar=f"{{{choices}}} ...")]
    for marker in markers:
        if isinstance(marker, Flag):
            kind = Annotated[kind, tyro.conf.arg(name=marker.name)]
    return Parameter(parameter.name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _chosen_or_none(choices: tuple[str, ...]) -> PrimitiveConstructorSpec[str | None]:
    """How one of some words is read where the flag may be left out, which is no choice of its own.

    Tyro's way takes ``None`` for a word, and so offers it beside ``none``.
    """
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(choices)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value is None or value in choices,
        str_from_instance=lambda value: [str(value)],
        choices=choices,
    )


def _file_defaults(
    function: Callable[..., Any],
    visible: dict[str, Parameter],
    hints: dict[str, Any],
    file: Path | None,
) -> dict[str, Any]:
    """What ``--params`` gives: the first parameter that is a dataclass, else the flags by name."""
    if file is None:
        return {}
    for name, kind in hints.items():
        cls = params_of(kind)
        if cls is not None and visible[name].kind is not Parameter.KEYWORD_ONLY:
            return {name: read_params(file, cls)}
    flags = [
        (name, hints[name], dataclasses.field(default=parameter.default))
        for name, parameter in visible.items()
        if parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is not Parameter.empty
    ]
    return dict(vars(read_params(file, dataclasses.make_dataclass("Flags", flags))))
