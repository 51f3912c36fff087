"""A real headless browser: what a page looks like in it, asks for and complains of."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader",
    "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


def find_browser() -> str | None:
    """Path of a chromium-like browser, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    return None


class Tab:
    """One page. ``console`` collects errors and warnings, ``requests`` every address asked for."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._number = 0
        self._session = ""
        self.loaded = False
        self.console: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, wait_s: float = 60.0, **params: Any) -> dict[str, Any]:
        """Send a command, give its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        end = time.monotonic() + wait_s
        while True:
            answer = json.loads(self._socket.recv(timeout=end - time.monotonic()))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._event(answer)

    def _event(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.console.append(f"exception: {params['exceptionDetails']}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.console.append(f"{params['type']}: {params['args']}")
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.console.append(f"log: {params['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    def open(self, url: str, width: int, height: int, dark: bool = False) -> None:
        """Load a page at a window size and colour scheme; wait until it has loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.loaded = False
        self.call("Page.navigate", url=url)
        self.until(lambda: self.loaded)

    def until(self, holds: Any, wait_s: float = 60.0) -> None:
        """Wait for something to hold."""
        end = time.monotonic() + wait_s
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError("the browser did not get there in time")
            with contextlib.suppress(TimeoutError):
                self._event(json.loads(self._socket.recv(timeout=0.1)))

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression (promises are awaited)."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def picture(self, path: Path | None = None, whole: bool = False) -> bytes:
        """PNG of the window, or of the whole page."""
        params: dict[str, Any] = {"format": "png"}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            params |= {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        data = base64.b64decode(self.call("Page.captureScreenshot", **params)["data"])
        if path is not None:
            path.write_bytes(data)
        return data


@contextlib.contextmanager
def browser_tab(binary: str) -> Iterator[Tab]:
    """Start a browser with a fresh profile, give a tab, end the browser."""
    from websockets.sync.client import connect

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [binary, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": profile},
        )
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            end = time.monotonic() + 60
            while not (port_file.is_file() and len(port_file.read_text().split()) == 2):
                if time.monotonic() > end or process.poll() is not None:
                    raise RuntimeError("the browser did not start")
                time.sleep(0.05)
            port, path = port_file.read_text().split()
            address = f"ws://127.0.0.1:{port}{path}"
            with connect(address, max_size=None, compression=None, proxy=None) as socket:
                yield Tab(socket)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def shown(tab: Tab) -> NDArray[Any]:
    """The middle of the 3D picture as RGB."""
    picture = cv2.imdecode(np.frombuffer(tab.picture(), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture[150:450, 500:800, ::-1].astype(int))


def apart(one: NDArray[Any], other: NDArray[Any], by: int = 40) -> float:
    """Share of two pictures in which a channel differs by more than ``by``.

    In fields of 10 x 10 pixels: how smooth edges are drawn hangs on how fast the machine draws.
    """
    small = [
        cv2.resize(picture.astype(np.float32), None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA)
        for picture in (one, other)
    ]
    return float((np.abs(small[0] - small[1]).max(axis=-1) > by).mean())


def background(picture: NDArray[Any]) -> float:
    """Share that shows nothing."""
    return float((np.abs(picture - (244, 245, 248)).max(axis=-1) <= 6).mean())


def look(tab: Tab, path: Path, width: int = 1000, dark: bool = False, height: int = 600) -> None:
    """Open a 3D view and wait until it is drawn."""
    tab.console.clear()
    tab.requests.clear()
    tab.open(path.as_uri(), width, height, dark)
    tab.until(lambda: tab.run("!!document.body.dataset.ready"))


def pointer(tab: Tab, x: float, y: float) -> None:
    """Move the mouse there."""
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


def key(tab: Tab, name: str) -> None:
    """Press a key."""
    for kind in ("rawKeyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)


def click(tab: Tab, x: float, y: float) -> None:
    """Press the left button there, and let it go."""
    pointer(tab, x, y)
    for kind in ("mousePressed", "mouseReleased"):
        tab.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
        )


CONTRAST = """(function(){
      function rgb(c){return c.match(/[\\d.]+/g).map(Number)}
      function light(c){var v=rgb(c).slice(0,3).map(x=>{x/=255;
        return x<=0.04045?x/12.92:Math.pow((x+0.055)/1.055,2.4)});
        return 0.2126*v[0]+0.7152*v[1]+0.0722*v[2]}
      function behind(e){for(;e;e=e.parentElement){var b=getComputedStyle(e).backgroundColor;
        var c=rgb(b);if(c.length<4||c[3]>0.5)return b}return 'rgb(255,255,255)'}
      var read='h1,h2,h3,p,small,figcaption,td,th,summary,li,a,.verdict';
      return [...document.querySelectorAll(read)]
        .filter(e=>e.offsetParent&&e.textContent.trim())
        .map(e=>{var a=light(getComputedStyle(e).color),b=light(behind(e));
          return [(Math.max(a,b)+0.05)/(Math.min(a,b)+0.05),e.textContent.trim().slice(0,40)]})
        .filter(x=>x[0]<4.5)})()"""
"""Visible texts with less contrast than 4.5 : 1 to what lies behind them."""
