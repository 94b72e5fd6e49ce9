"""Chromium without a window, over a pipe: opens a page, tells what it said, asked for, shows."""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *"--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --mute-audio".split(),
    *"--hide-scrollbars --disable-background-networking --disable-component-update".split(),
    *"--disable-sync --remote-debugging-pipe".split(),
]
TIME_LIMIT = 60  # seconds
PHONE, DESK = (390, 844), (1280, 900)


def _pipe():
    """Return a pipe whose ends are not in the way of the numbers on which Chromium speaks."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 50) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Browser:
    """A running Chromium with one page.

    Attributes
    ----------
    said
        What the console and the log of the page said.
    asked
        The addresses that the page asked for.
    """

    def __init__(self):
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        to_browser, self._write = _pipe()
        self._read, from_browser = _pipe()
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{to_browser} 4>&{from_browser}',
                "bash",
                *command,
            ],  # it speaks on 3 and 4
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._numbers, self._buffer, self._session = itertools.count(1), b"", None
        self.said, self.asked, self._loaded = [], [], False
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self._write)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method, **parameters):
        """Send a command and return its result; what happens meanwhile is noted."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + TIME_LIMIT
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def open(self, path, size=DESK, dark=False):
        """Open a file in a window of a size and wait until it is there."""
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1,
                  mobile=size == PHONE)  # fmt: skip
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.said.clear()
        self.asked.clear()
        self._loaded = False
        self.call("Page.navigate", url=path.resolve().as_uri())
        deadline = time.monotonic() + TIME_LIMIT
        while not self._loaded:
            self._note(self._next(deadline))
        self.evaluate("document.fonts.ready.then(() => new Promise(done => setTimeout(done, 150)))")

    def evaluate(self, expression):
        """Return the value of an expression of JavaScript in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path, whole=True):
        """Write a picture of the page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)[
            "data"
        ]
        path.write_bytes(base64.b64decode(data))

    def _next(self, deadline):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            new = os.read(self._read, 1 << 20)
            assert new, "the browser ended"
            self._buffer += new
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.consoleAPICalled":
            self.said.append(str(parameters["args"]))
        elif method == "Log.entryAdded":
            self.said.append(parameters["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.said.append(str(parameters["exceptionDetails"]))
        elif method == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])
