"""ScanNet raw scans: ``SCENE.sens`` with ``label-filt/N.png`` and meshes beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.files import missing, numbered, read_gray_checked, without_largest
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Reader
from crossvox.capture.registration import Registration, is_rigid
from crossvox.capture.sens.reader import SensReader
from crossvox.capture.stored import StoredCapture
from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.files import CLASS_MAP
from crossvox.core.frame import COMPLETE_MESH, CaptureInfo
from crossvox.core.labels import RawLabelMap
from crossvox.core.room_contents import TRUE_OBJECTS

LABEL_FOLDER = "label-filt"


class ScanNetCapture(StoredCapture):
    """A ``.sens`` file with the labels and meshes that lie beside it.

    Poses in the file are those of the base frame; the delivered camera is the colour camera, so
    where the colour extrinsic is not the identity it is applied to the pose (registration
    ``auto``).

    Args:
        path: the scan's folder, or the ``.sens`` file.
        label_map: ``scannetv2-labels.combined.tsv``; None: looked for in the scan's folder and
            the two folders above it.
        registration: see :data:`~crossvox.capture.registration.RegistrationMode`.

    Raises:
        CaptureError: no single ``.sens`` file, or a damaged one.
    """

    def __init__(
        self, path: Path, label_map: Path | None = None, registration: RegistrationMode = "auto"
    ) -> None:
        self.sens_path = find_sens(Path(path))
        self.reader = SensReader(self.sens_path)
        header = self.reader.header
        self._notes: list[str] = []
        color_extrinsic = self._rigid(header.color_extrinsic, "colour")
        depth_extrinsic = self._rigid(header.depth_extrinsic, "depth")
        super().__init__(
            self.sens_path.stem,
            tuple(range(len(self.reader))),
            Registration(
                header.color_camera,
                header.depth_camera,
                np.linalg.inv(color_extrinsic) @ depth_extrinsic,
                registration,
            ),
            stored_from_color=color_extrinsic,
        )
        self.units_per_m = header.depth_shift
        self._label_map_path = label_map or self._find_label_map()
        folder = self.sens_path.parent / LABEL_FOLDER
        if len(list(self.sens_path.parent.glob("[!.]*.sens"))) > 1:
            folder = folder / self.sens_path.stem  # shared folders: labels cannot be told apart
        self._labels = numbered(folder, (".png",))
        if not folder.is_dir() and list(folder.parent.glob("*label-filt.zip")):
            self._notes.append(f"labels lie in a zip file: unpack it to {LABEL_FOLDER}/")
        if self._labels and self._label_map_path is None:
            self._notes.append(f"labels found, but no class map {CLASS_MAP} in or above the scan")
        self.format = (
            f"ScanNet .sens ({header.sensor_name}; colour {header.color_compression}, "
            f"depth {header.depth_compression})"
        )
        self.notes = tuple(self._notes)

    def _rigid(self, matrix: NDArray[Any], part: str) -> NDArray[np.float64]:
        if is_rigid(matrix):
            return matrix.astype(np.float64)
        self._notes.append(f"the {part} extrinsic is no rigid transform: the identity is used")
        return np.eye(4)

    def _find_label_map(self) -> Path | None:
        scan = self.sens_path.resolve().parent
        places = (scan, *list(scan.parents)[:2])
        return next((p / CLASS_MAP for p in places if (p / CLASS_MAP).is_file()), None)

    def info(self) -> CaptureInfo:
        """Cameras, registration and companions, without decoding images."""
        stem = self.sens_path.with_suffix("")
        mesh = stem.with_name(f"{stem.name}_vh_clean_2.ply")
        labelled = stem.with_name(f"{stem.name}_vh_clean_2.labels.ply")
        complete = stem.with_name(f"{stem.name}_{COMPLETE_MESH}")
        objects = stem.with_name(f"{stem.name}_{TRUE_OBJECTS}")
        told, problem = super().info(), self._map_problem
        return replace(
            told,
            notes=(*told.notes, problem) if problem and self._label_map_path else told.notes,
            has_labels=bool(self._labels),
            label_map=not problem,
            class_map=self._label_map_path,
            without_labels=missing(self.frame_ids, self._labels),
            mesh=mesh if mesh.is_file() else None,
            labelled_mesh=labelled if labelled.is_file() else None,
            complete_mesh=complete if complete.is_file() else None,
            true_objects=objects if objects.is_file() else None,
        )

    def source(self, index: int, part: str) -> str:
        """File, frame and byte offset."""
        return self.reader.place(index, part)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Stored matrix of the base frame."""
        with np.errstate(invalid="ignore"):  # damage may look like a signalling NaN
            return self.reader.pose_matrix(index).astype(np.float64)

    def pose_matrices(self) -> NDArray[np.float64]:
        """Stored matrices of the base frame."""
        with np.errstate(invalid="ignore"):
            return self.reader.pose_matrices().astype(np.float64)

    def color_data(self, index: int) -> bytes:
        """The encoded colour image as stored (raw RGB bytes where the file is uncompressed)."""
        return self.reader.color_data(index)

    def color_pixels(self, index: int, at_least: Size | None) -> NDArray[np.uint8]:
        """The colour image; raw colour is taken as it is."""
        if self.reader.header.color_compression == "raw":
            return self.reader.color(index)
        return super().color_pixels(index, at_least)

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth in the file's units."""
        return without_largest(self.reader.depth_raw(index))

    def labels_raw(self, index: int) -> NDArray[Any] | None:
        """Raw ScanNet label ids, 8 or 16 bits, or None where the frame has no label image."""
        return self.labels_at(index, None)

    def labels_at(self, index: int, size: Size | None) -> NDArray[Any] | None:
        """The same at a size; pixels that are not wanted are not kept on the way."""
        file = self._labels.get(self.frame_ids[index])
        return None if file is None else read_gray_checked(file, size)

    @cached_property
    def _map_problem(self) -> str:
        """Why labels cannot be told in NYU40, if there are any; empty where they can."""
        try:
            if self._labels:
                self.label_map()
        except CaptureError as error:
            return str(error)
        return ""

    @cached_property
    def _table(self) -> RawLabelMap:
        return RawLabelMap.read(self._label_map_path or self.sens_path.parent.parent / CLASS_MAP)

    def label_map(self) -> RawLabelMap:
        """The class map, read once.

        Raises:
            CaptureError: there is none, or it is damaged.
        """
        return self._table


def find_sens(path: Path) -> Path:
    """The ``.sens`` file of a scan given by its folder or by the file itself.

    Raises:
        CaptureError: there is none, or more than one and none named like the folder.
    """
    if not path.is_dir():
        return path
    found = sorted(path.glob("[!.]*.sens"))
    named = [file for file in found if file.stem == path.resolve().name]
    chosen = named or found
    expect(
        len(chosen) == 1,
        given=f"{path} with {len(found)} .sens files",
        needed=f"one, or one called {path.resolve().name}.sens",
        do="pass the .sens file itself",
        error=CaptureError,
    )
    return chosen[0]


def _claims(path: Path) -> str | None:
    if path.is_dir():
        return next((file.name for file in sorted(path.glob("[!.]*.sens"))), None)
    return path.name if path.suffix.lower() == ".sens" else None


READER = Reader(
    "a .sens file, or a folder with one (ScanNet scan)",
    _claims,
    lambda path, how: ScanNetCapture(path, how.label_map, how.params.registration),
    lambda path: find_sens(path).stem,
)
