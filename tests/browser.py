"""A headless Chromium that is told what to do through a pipe, as a person would use a page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-pipe",
)
KEYS = {"?": "Slash", "/": "Slash", "Escape": "Escape"}


class Tab:
    """One page; ``errors`` has what its script complained of."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, os.fdopen(receive, "rb")
        self._numbers, self._session, self._waiting = count(1), "", b""
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, path: Path) -> None:
        """Load a file and wait until it is there."""
        self("Page.navigate", url=path.resolve().as_uri())
        while self._note(self._next()) != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def press(self, keys: str) -> None:
        """Each of these keys once."""
        for key in keys:
            known = {"key": key, "text": key, "code": KEYS.get(key, f"Key{key.upper()}")}
            self("Input.dispatchKeyEvent", type="keyDown", **known)
            self("Input.dispatchKeyEvent", type="keyUp", **known)

    def close(self) -> None:
        """Let go of the pipe."""
        self._receive.close()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            chunk = os.read(self._receive.fileno(), 1 << 16)
            if not chunk:
                raise RuntimeError("the browser is gone")
            self._waiting += chunk
        message, self._waiting = self._waiting.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> str:
        method, facts = event.get("method", ""), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(facts["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.errors.append(facts["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        return method


@contextmanager
def browser() -> Iterator[Tab]:
    """A browser with nothing remembered, gone when the block is left."""
    from_us, to_browser = os.pipe()
    from_browser, to_us = os.pipe()

    def as_protocol_has_them() -> None:
        os.dup2(from_us, 13)
        os.dup2(to_us, 14)
        os.dup2(13, 3)
        os.dup2(14, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}"],
            preexec_fn=as_protocol_has_them,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        tab = None
        try:
            tab = Tab(to_browser, from_browser)
            yield tab
        finally:
            os.close(to_browser)
            process.terminate()
            process.wait(20)
            if tab is not None:
                tab.close()
