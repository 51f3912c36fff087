"""A live server of a 3D view: the same page as the file's, with more triangles."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from crossvox.core.checks import ParamsError, expect
from crossvox.report.view.file import viewer_html
from crossvox.report.view.model import RoomView
from crossvox.report.view.stage import Stage


@contextlib.contextmanager
def serve(
    view: RoomView, *, host: str = "127.0.0.1", port: int = 8080, max_faces: int = 300_000
) -> Iterator[str]:
    """Serve the view while the ``with`` block lasts; gives its address.

    Args:
        view: what to show.
        host: address to listen at; the default serves this machine only.
        port: 0 takes any that is free.
        max_faces: every surface is thinned to this many triangles.

    Raises:
        ParamsError: the port is taken, or there is no layer with faces.

    Example:
        >>> with serve(view) as address:  # doctest: +SKIP
        ...     input(f"{address}, Enter ends it")
    """
    _expect_free(host, port)
    page = viewer_html(Stage.of(view, max_faces), level=1).encode()
    try:
        server = ThreadingHTTPServer((host, port), _handler(page))
    except OSError:
        raise ParamsError(
            f"given: port {port}, which another program has just taken; needed: a free port; "
            f"do: name another one, for example --port {port + 1}"
        ) from None
    with server:
        worker = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        worker.start()
        try:
            yield f"http://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
            worker.join()


def _handler(page: bytes) -> type[BaseHTTPRequestHandler]:
    """Answers with one page, whatever is asked; other paths are not there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = self.path.split("?")[0] in ("/", "/index.html")
            self.send_response(200 if there else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page) if there else 0))
            self.end_headers()
            if there:
                self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            """Rooms do not print."""

    return Handler


def _expect_free(host: str, port: int) -> None:
    """Refuse a port that cannot be had before the surfaces are thinned."""
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
