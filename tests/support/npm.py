"""Gets a package that needs no other with npm, and keeps it for later runs."""

import json
import shutil
import subprocess
from pathlib import Path

LONGEST_S = 300


class NotToBeHadError(Exception):
    """A package cannot be had; the message says why."""


def find_package(name: str, version: str, sha512: str, kept: Path) -> Path:
    """Return the folder of a package, in the folder `kept` or installed into it; raises NotToBeHadError."""
    if not (kept / "node_modules" / name).exists():
        install(f"{name}@{version}", kept)
    lock = json.loads((kept / "package-lock.json").read_text())
    found = lock["packages"][f"node_modules/{name}"]["integrity"]  # npm has held the package against it
    assert found == sha512, f"{name} {version} is not the package that is meant: {found}"
    return kept / "node_modules" / name


def install(package: str, kept: Path) -> None:
    """Install a package in the folder, without running anything of it."""
    npm = shutil.which("npm")
    if not npm:
        raise NotToBeHadError(f"no npm to get {package} with: apt-get install --no-install-recommends npm")
    options = ["--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund", "--fetch-timeout=20000"]
    command = [npm, "install", "--prefix", str(kept), *options, package]
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        raise NotToBeHadError(f"npm did not get {package} within {LONGEST_S} s") from None
    if ran.returncode:
        raise NotToBeHadError(f"npm did not get {package}: {ran.stderr.strip()[-200:]}")
