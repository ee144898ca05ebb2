"""Finds a program of one of Debian's packages, which is unpacked in a folder of its own where it is not installed."""

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import psutil


@lru_cache
def find_program(package: str, name: str) -> str:
    """Return the path of the program `name` of a package."""
    if found := shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin"):
        return found
    folder = Path(tempfile.gettempdir()) / f"libros-{package}-{psutil.Process().username()}"
    if not (folder / "root").exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        assert folder.owner() == psutil.Process().username(), f"{folder} belongs to another user"
        unpack(package, folder)
    (program,) = folder.glob(f"root/usr/*bin/{name}")
    return str(program)


def unpack(package: str, folder: Path) -> None:
    """Fetch a package and unpack it."""
    fetch = ["apt-get", "download", package]
    if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode != 0:
        subprocess.run(["apt-get", "update"], capture_output=True, check=False)
        subprocess.run(fetch, cwd=folder, check=True, timeout=120)
    (file,) = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", file, folder / "new"], check=True, timeout=60)
    (folder / "new").rename(folder / "root")
