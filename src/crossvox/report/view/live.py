"""A live server of a 3D view."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crossvox.core.checks import ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.report.class_colors import class_colors
from crossvox.report.embed import css_color
from crossvox.report.environment import environment
from crossvox.report.view.model import RoomView
from crossvox.report.view.panel import key_values
from crossvox.report.view.space import fill, open_server
from crossvox.report.view.stage import CAMERA, SHELL, Stage, entry

if TYPE_CHECKING:
    import viser


@contextlib.contextmanager
def serve(
    view: RoomView, *, host: str = "127.0.0.1", port: int = 8080, max_faces: int = 300_000
) -> Iterator[str]:
    """Serve the view live while the ``with`` block lasts; gives its address.

    Args:
        view: what to show.
        host: address to listen at; the default serves this machine only.
        port: 0 takes any that is free.
        max_faces: every layer is thinned to this many triangles.

    Raises:
        ParamsError: the port is taken, or there is no layer with faces.

    Example:
        >>> with serve(view) as address:  # doctest: +SKIP
        ...     input(f"{address}, Enter ends it")
    """
    _expect_free(host, port)
    stage = Stage.of(view, max_faces)
    with open_server(host, port) as server:
        expect(
            port in (0, server.get_port()),
            given=f"port {port}, which another program has just taken",
            needed="a free port",
            do=f"name another one: --port {port + 1}",
            error=ParamsError,
        )
        nodes = fill(server, stage)
        _add_controls(server, stage, nodes)
        yield f"http://localhost:{server.get_port()}"


def _expect_free(host: str, port: int) -> None:
    """The server library moves on to the next port silently; who named one wants that one."""
    expect(
        0 <= port <= 65535,
        given=f"port {port}",
        needed="a number from 1024 to 65535, or 0 for any",
        do="correct the number",
        error=ParamsError,
    )
    with socket.socket() as probe:
        if os.name == "posix":
            # A port that was used a moment ago is free; only a listener takes it.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise ParamsError(
                f"given: port {port}, which "
                f"{'another program uses' if taken else f'cannot be opened ({error.strerror})'}; "
                f"needed: a free port; do: name another one, for example --port {port + 1}"
            ) from None


def _add_controls(server: viser.ViserServer, stage: Stage, nodes: Mapping[str, Any]) -> None:
    """The live view's own panel: layers, classes, ceiling, camera path."""
    gui = server.gui
    titles = [layer.title for layer in stage.layers]
    gui.configure_theme(control_width="medium", show_logo=False, show_share_button=False)
    gui.set_panel_label(stage.view.title)
    chosen = gui.add_dropdown("Layer", titles, initial_value=titles[0])
    key = gui.add_html("")
    switches: dict[int, Any] = {}
    with gui.add_folder("Show"):
        for name, targets in (
            (SHELL, stage.shell_nodes()),
            (CAMERA, [f"/{CAMERA}"] if f"/{CAMERA}" in nodes else []),
        ):
            if targets:
                _switch(gui.add_checkbox(name, False), nodes, targets)
    if stage.classes:
        with gui.add_folder("Classes"):
            everything = gui.add_checkbox("all", True)
            for label in stage.classes:
                switches[label] = gui.add_checkbox(NYU40.names[label], True)
                _switch(switches[label], nodes, stage.nodes(label))
            gui.add_html(_swatches(switches))

        @everything.on_update
        def _(_: Any) -> None:
            for switch in switches.values():
                switch.value = everything.value

    if stage.view.missing:
        gui.add_markdown("Not here: " + "; ".join(stage.view.missing) + ".")

    def show() -> None:
        for layer in stage.layers:
            nodes[entry(layer)].visible = layer.title == chosen.value
        layer = next(layer for layer in stage.layers if layer.title == chosen.value)
        key.content = (
            environment()
            .get_template("view_key.html.j2")
            .render(text=layer.text, key=layer.key, **key_values(stage.view))
        )
        shares = stage.shares[layer.title]
        for label, switch in switches.items():
            # Without a point: the library breaks labels after points.
            share = f"{max(shares[label], 0.01):.0%}" if label in shares else "not here"
            less = "under " if 0 < shares.get(label, 0) < 0.01 else ""
            switch.label = f"{NYU40.names[label]}, {less}{share}"

    @chosen.on_update
    def _(_: Any) -> None:
        show()

    show()


def _switch(box: Any, nodes: Mapping[str, Any], targets: Sequence[str]) -> None:
    """A check box that shows and hides nodes."""

    @box.on_update
    def _(_: Any) -> None:
        for target in targets:
            nodes[target].visible = box.value


def _swatches(switches: Mapping[int, Any]) -> str:
    """Colours beside the check boxes: the library's labels are plain text, so as a style sheet.

    Where a box has no id, its colour is left out.
    """
    rules = []
    for label, switch in switches.items():
        uuid = _box_id(switch)
        if uuid is not None:
            rules.append(
                f'label[for="{uuid}"]::before{{content:"";display:inline-block;width:.9em;'
                f"height:.9em;margin-right:.5em;border-radius:3px;vertical-align:-.08em;"
                f"background:{css_color(class_colors(np.array([label], np.uint8))[0])}}}"
                f'div:has(>p>label[for="{uuid}"]){{width:13em!important}}'
            )
    return f"<style>{''.join(rules)}</style>"


def _box_id(switch: Any) -> str | None:
    """The id of a check box in the browser, or None.

    viser tells it to nobody (1.0 to 1.1, with which this was tested), so it is taken from inside;
    another version that keeps it elsewhere loses the colours and nothing else.
    """
    found = getattr(getattr(switch, "_impl", None), "uuid", None)
    return found if isinstance(found, str) else None
