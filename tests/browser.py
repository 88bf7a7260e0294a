"""A real Chromium for tests, spoken to through a pipe in the DevTools protocol: no driver, no port, no package.

Chromium reads commands on file descriptor 3 and answers on 4, each message JSON ended by a NUL.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.services import Unavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--disable-extensions", "--force-color-profile=srgb"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"),
)
_PATIENCE = 60.0
_AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"


class Page:
    """One tab. `errors`: what was thrown, logged as an error, or asked of the network since it was opened."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.errors: list[str] = []
        self._loaded = False
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to one command; AssertionError where the browser refuses it."""
        return self._browser.call(method, self.session, **params)

    def open(
        self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False, printed: bool = False
    ) -> None:
        """Show a local file in a window of that size; phones are under 600 pixels wide."""
        self._resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme])
        self._loaded = False
        self.call("Page.navigate", url=path.as_uri())
        self._browser.wait(lambda: self._loaded)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited if it's a promise."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, text: str = "") -> None:
        """Press one key (`Tab`, `Enter`), or type a text into what has the focus."""
        if text:
            self.call("Input.insertText", text=text)
            return
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        typed = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=codes[key], **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=codes[key])

    def screenshot(self, path: Path, *, whole: bool = False, top: int = 0, most: int = 16_000) -> None:
        """A PNG of what is seen; `whole`: of the page from `top` down, in a window as high as that, so all is drawn."""
        if whole:
            size = self.run("[innerWidth, document.documentElement.scrollHeight]")
            self._resize(size[0], min(size[1], top + most))
            height = self.run("document.documentElement.scrollHeight")  # what is drawn now has its own height
            self._resize(size[0], min(height, top + most))
            clip = {"x": 0, "y": top, "width": size[0], "height": min(height - top, most), "scale": 1}
            shot = self.call("Page.captureScreenshot", clip=clip)
        else:
            shot = self.call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(shot["data"]))

    def _resize(self, width: int, height: int) -> None:
        """A window of that size; under 600 pixels wide it's a phone's."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def pdf(self) -> bytes:
        """The page as it's printed, on A4."""
        printed = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        return base64.b64decode(printed["data"])

    def violations(self, *impacts: str) -> list[str]:
        """What axe-core finds of these impacts (`critical`, `serious`), with the elements."""
        self.run(_AXE.read_text(encoding="utf-8") + ";0")
        found = self.run("axe.run(document, {resultTypes: ['violations']}).then(done => done.violations)")
        return [
            f"{each['impact']} {each['id']}: {[node['html'][:160] for node in each['nodes'][:4]]}"
            for each in found
            if each["impact"] in impacts
        ]

    def heard(self, event: dict[str, Any]) -> None:
        """Take note of an event of this tab."""
        method, params = event["method"], event["params"]
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("exception", {}).get("description", params)))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.errors.append(f"dialog: {params['message']}")
            self._browser.send("Page.handleJavaScriptDialog", self.session, accept=True)
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:")):
            self.errors.append(f"asks for {params['request']['url']}")


class Browser:
    """A running Chromium; `pages` by session id."""

    def __init__(self, executable: str, profile: Path) -> None:
        self.pages: dict[str, Page] = {}
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._rest = b""
        theirs_in, self._out = _pipe()
        self._in, theirs_out = _pipe()
        self._pid = os.posix_spawn(
            executable,
            [executable, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, theirs_in, 3),
                (os.POSIX_SPAWN_DUP2, theirs_out, 4),
            ],
            setpgroup=0,
        )
        os.close(theirs_in)
        os.close(theirs_out)

    def new_page(self) -> Page:
        """An empty tab."""
        return Page(self)

    def send(self, method: str, session: str = "", **params: Any) -> int:
        """Send a command; its number."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        return number

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        number = self.send(method, session, **params)
        self.wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, done: Callable[[], bool]) -> None:
        """Read what the browser says until `done()`."""
        deadline = time.monotonic() + _PATIENCE
        while not done():
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser doesn't answer"
            read = os.read(self._in, 1 << 20)
            assert read, "the browser has ended"
            *messages, self._rest = (self._rest + read).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers[message["id"]] = message
                elif message.get("sessionId") in self.pages:
                    self.pages[message["sessionId"]].heard(message)

    def close(self) -> None:
        """End it and all its processes."""
        for descriptor in (self._out, self._in):
            os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are numbered from 10 up: 3 and 4 are what the browser's ends become."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium of this machine; Unavailable where there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None) or (
        _ON_MACOS if Path(_ON_MACOS).exists() else None
    )
    if found is None:
        raise Unavailable("no Chromium on this machine (Debian: apt install chromium)")
    with tempfile.TemporaryDirectory(prefix="agensium-browser-", ignore_cleanup_errors=True) as profile:
        started = Browser(found, Path(profile))
        try:
            yield started
        finally:
            started.close()
