"""Uses a page in a real Chromium without a window, as a person does: opens it, presses its buttons, reads it, shows it.

Talks to the browser through a pipe: https://chromedevtools.github.io/devtools-protocol.
"""

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.browser import OPTIONS, find_browser

ANSWER_S = 30.0
PRESS = """(() => {
  const fits = one => one.textContent.trim() === %s && one.offsetParent && !one.disabled;
  const button = [...document.querySelectorAll("button")].reverse().find(fits);
  if (button) button.click();
  return Boolean(button);
})()"""


class Tab:
    """One page of the browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        """Talk through these two descriptors."""
        self._to, self._from = to_browser, from_browser
        self._number, self._rest, self._session = 0, b"", ""

    def open(self, url: str) -> None:
        """Open a page."""
        target = self._ask("Target.createTarget", url=url)["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def ask(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def read(self) -> str:
        """Return the text of the page, as a person sees it."""
        return str(self.ask("document.body.innerText"))

    def press(self, name: str) -> bool:
        """Press the button of that name, and tell whether there is one that can be pressed."""
        return bool(self.ask(PRESS % json.dumps(name)))

    def resize(self, width: int, height: int) -> None:
        """Make the page so many pixels wide and high."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def photograph(self, left: float, top: float, width: float, height: float) -> bytes:
        """Return a part of the page, its place in pixels from the page's beginning, as a PNG."""
        part = {"x": left, "y": top, "width": width, "height": height, "scale": 1}
        answer = self._ask("Page.captureScreenshot", format="png", clip=part, captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_S
        while (answer := self._receive(until)).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._from], [], [], max(0.0, until - time.monotonic()))[0], "the browser is silent"
            self._rest += os.read(self._from, 65536)
        message, _, self._rest = self._rest.partition(b"\0")
        received: dict[str, Any] = json.loads(message)
        return received


@contextmanager
def browse(folder: Path) -> Iterator[Tab]:
    """Run a browser, whose files go into a folder, and yield its tab."""
    browser = find_browser()
    assert browser, "no browser"
    options = [one for one in OPTIONS if not one.startswith("--virtual-time-budget")]
    (read_here, write_here), (read_there, write_there) = os.pipe(), os.pipe()
    command = ["bash", "-c", f'exec "$@" 3<&{read_here} 4>&{write_there}', "bash", browser, *options]
    with open(folder / "browser.log", "wb") as log:
        running = subprocess.Popen(
            [*command, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"],
            pass_fds=(read_here, write_there), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    os.close(read_here)
    os.close(write_there)
    try:
        yield Tab(write_here, read_there)
    finally:
        running.terminate()
        running.wait(30)
        os.close(write_here)
        os.close(read_there)
