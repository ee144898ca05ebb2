"""Gets axe-core, which looks a page through for what keeps people from using it, with npm; kept for later runs."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

VERSION = "4.14.1"
SHA512 = (
    "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73"
    "4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
)
LONGEST_S = 120


class NoAxeError(Exception):
    """axe-core cannot be had; the message says why."""


def read_axe(kept: Path) -> str:
    """The text of axe.min.js, out of the folder `kept` or fetched into it; raises NoAxeError."""
    script = kept / f"axe-{VERSION}.min.js"
    if not script.is_file():
        fetch_axe(kept, script)
    return script.read_text()


def fetch_axe(kept: Path, script: Path) -> None:
    """Fetch the package, look whether it is the one that is meant, and take the script out of it."""
    npm = shutil.which("npm")
    if not npm:
        raise NoAxeError("no npm to get axe-core with: apt-get install --no-install-recommends npm")
    command = [npm, "pack", f"axe-core@{VERSION}", "--pack-destination", str(kept), "--fetch-timeout=20000"]
    try:
        ran = subprocess.run(command, check=False, cwd=kept, capture_output=True, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        raise NoAxeError(f"npm did not get axe-core within {LONGEST_S} s") from None
    package = kept / f"axe-core-{VERSION}.tgz"
    if ran.returncode or not package.is_file():
        raise NoAxeError(f"npm did not get axe-core: {ran.stderr.strip()[-200:]}")
    found = hashlib.sha512(package.read_bytes()).hexdigest()
    assert found == SHA512, f"axe-core {VERSION} is not the package that is meant: {found}"
    draft = script.with_name(f".{script.name}.{os.getpid()}")  # two test workers may fetch at once
    with tarfile.open(package) as files:
        member = files.extractfile("package/axe.min.js")
        assert member
        draft.write_bytes(member.read())
    os.replace(draft, script)
