"""What a stage is: one declared object with typed inputs, parameters, and a function that makes it.

Example:
    A stage that counts the frames of a capture, and how it is made::

        @dataclass(frozen=True)
        class CountFrames(Stage):
            NAME = "count-frames"
            NUMBERS = 1

            capture: Input
            every: int = 1
            threads: int = how(1)

            def make(self, work: Work) -> dict[str, Any]:
                frames = open_capture(self.capture.path)
                write_json(work.out / "count.json", len(frames) // self.every)
                return {"frames": len(frames)}

        Runner().make(CountFrames(Input.files(path)), out)
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from crossvox.core.artifact import Manifest, file_digest, files_digest, plain, read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossvox.flow.runner import Work

_HOW = "how"


@dataclass(frozen=True)
class Input:
    """Something that a stage is made from.

    Attributes:
        path: where it is; for links and for reading, no part of the identity.
        digest: fingerprint of what it is: another fingerprint, another artifact.
    """

    path: Path
    digest: str

    @classmethod
    def folder(cls, path: Path) -> Input:
        """A folder that a stage wrote.

        Raises:
            ArtifactError: it has no manifest that can be read.
        """
        return cls(path, read_manifest(path).digest)

    @classmethod
    def file(cls, path: Path) -> Input:
        """A file, by its content.

        Raises:
            ArtifactError: it is not there.
        """
        return cls(path, file_digest(path))

    @classmethod
    def files(cls, path: Path) -> Input:
        """A file or a folder of files of any origin, by names, sizes and times of change.

        Nothing is read: this is for captures of gigabytes. Where the folder lies, and what it is
        called, does not matter.
        """
        kind = FolderOfFiles if path.is_dir() else cls
        return kind(path, files_digest(path))


@dataclass(frozen=True)
class FolderOfFiles(Input):
    """A folder of which all files count, however deep they lie: another file, another artifact."""


def how(default: Any = dataclasses.MISSING) -> Any:
    """A field that says how a stage works and not what it makes: threads, device, ...

    It is no part of the stage's identity.
    """
    return dataclasses.field(default=default, metadata={_HOW: True})


class Declared:
    """A declaration, to be written as a frozen dataclass.

    Fields that hold an :class:`Input` are what it is made from, by role; fields made by :func:`how`
    do not count; all others are its parameters. Name, numbers, parameters and fingerprints of the
    inputs are its identity: where a folder's manifest has the same, the folder is kept.
    """

    NAME: ClassVar[str]
    """Name of the stage, in the manifest of what it makes."""

    NUMBERS: ClassVar[int] = 1
    """Raised whenever the same parameters and inputs give other results than before."""

    @property
    def inputs(self) -> dict[str, Input]:
        """What it is made from, by role."""
        found = {field.name: getattr(self, field.name) for field in _fields(self)}
        return {role: value for role, value in found.items() if isinstance(value, Input)}

    @property
    def settings(self) -> dict[str, Any]:
        """Its parameters as JSON types, by field."""
        return {
            field.name: plain(value)
            for field in _fields(self)
            if not field.metadata.get(_HOW)
            and not isinstance(value := getattr(self, field.name), Input)
            and value is not None
        }

    def manifest(self) -> Manifest:
        """Its identity, as it stands in a manifest.

        Parameters that are the field ``params`` alone are written without that level, as a user
        would write them.
        """
        settings = self.settings
        return Manifest(
            self.NAME,
            settings["params"] if set(settings) == {"params"} else settings,
            parents={role: given.digest for role, given in self.inputs.items()},
            numbers=self.NUMBERS,
        )


class Stage(Declared):
    """Makes one folder, as a whole or not at all."""

    def make(self, work: Work) -> Mapping[str, Any]:
        """Fill the empty folder ``work.out``.

        Returns:
            Notes for the manifest: counts and remarks worth showing.

        Raises:
            CrossvoxError: what is wrong with the input.
        """
        raise NotImplementedError

    def size(self) -> float:
        """How much work it is, in any unit; its rate is recorded and foretells how long it takes.

        Asked for what is to be made alone; must be cheap.
        """
        return 1.0


State = Literal["make", "continue", "keep"]
"""What a call would do with a folder: begin it, go on with it, or find it complete."""


class Continued(Declared):
    """Works in its folder itself, over as many calls as it takes: training, studies.

    What such a folder holds, and whether it may be gone on with, the stage knows.
    """

    def go_on(self, work: Work) -> Any:
        """Begin or go on in ``work.out``, or find that all is done.

        Returns:
            How it ended.
        """
        raise NotImplementedError

    def state(self, folder: Path) -> State:
        """What a call would do, by what the folder holds."""
        raise NotImplementedError

    def foresee(self, work: Work) -> State:
        """What a call would do, with the errors that it meets before it begins; for dry runs.

        ``work.dry`` is set, and nothing is written.
        """
        return self.state(work.out)

    def parts(self, folder: Path) -> list[Path]:
        """Folders in it that were written as a whole: they are checked where it is kept."""
        del folder
        return []

    def size(self) -> float:
        """See :meth:`Stage.size`."""
        return 1.0

    def rate(self) -> str:
        """Name under which its rate is recorded: of what takes about as long for its size."""
        return self.NAME


class Collection(Declared):
    """What all items of one folder have in common; each item is made by a :class:`Stage`.

    A folder of other items is refused: what is averaged over a collection must be of one kind.
    """


def _fields(declared: Declared) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(declared)  # type: ignore[arg-type]
