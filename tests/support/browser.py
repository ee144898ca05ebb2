"""Opens a page in a real Chromium without a window, as wide as asked for, and asks it something."""

import html
import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.page_scripts import SIDEWAYS

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--window-size=1600,1000",
    "--virtual-time-budget=5000",
)
WRAPPER = """<!doctype html><body><iframe src="{page}" style="border:0;width:{width}px;height:900px"></iframe><script>
onload = () => {{
  const win = frames[0], doc = win.document;
  (async () => {{ {script} }})().then(answer => {{
    document.body.textContent = "";
    document.title = JSON.stringify(answer);
  }});
}};
</script>"""


@cache
def find_browser() -> str | None:
    """The browser's program, installed if it is missing and root runs the tests on Debian; None if there is none."""
    if found := _look_for():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends", "chromium"]
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
        subprocess.run(["apt-get", "update"], check=False, capture_output=True, timeout=300)
        subprocess.run(install, check=False, env=quiet, capture_output=True, timeout=600)
    return _look_for()


def _look_for() -> str | None:
    for name in NAMES:
        # Ubuntu has a program of that name that only says where to get the browser.
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], check=False, capture_output=True, timeout=60).returncode == 0:
            return path
    return None


def ask_page(page: Path, script: str, folder: Path, *, width: int = 1280, dark: bool = False) -> Any:
    """What `script` returns in a frame `width` wide: the body of an async JavaScript function, knows `doc`, `win`."""
    browser = find_browser()
    assert browser, "no browser"
    (wrapper := folder / "wrapper.html").write_text(WRAPPER.format(page=page.as_uri(), width=width, script=script))
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    command = [browser, *OPTIONS, scheme, f"--user-data-dir={folder / 'profile'}", "--dump-dom", wrapper.as_uri()]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    found = re.search(r"<title>(.*)</title>", ran.stdout, re.S)
    assert found, ran.stdout[:2000]
    return json.loads(html.unescape(found[1]))


def measure_widths(page: Path, folder: Path, *widths: int) -> list[tuple[int, int]]:
    """How wide a page is, and the room that it has, in a frame of each of these widths."""
    found = ask_page(page, SIDEWAYS.replace("WIDTHS", json.dumps(widths)), folder)
    return [(wide, room) for wide, room in found]
