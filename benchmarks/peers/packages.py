"""Installs what the peer runs on, beside the project's own packages."""

import subprocess
import sys
from pathlib import Path

from benchmarks.stand import StandError

PINNED = Path(__file__).with_name("requirements.txt")
INSTALL_S = 300


def install_packages(folder: Path) -> Path:
    """Give the folder with the packages of the peer, for PYTHONPATH: made in `folder` once; raises StandError."""
    packages = folder / "peer"
    if packages.exists():
        return packages
    print("installing FastAPI, uvicorn and what they need ...", flush=True)
    # They are listed in full: pip would look at the project's packages, which others of the same name come before.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), "-r", str(PINNED)]
    ran = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if ran.returncode:
        raise StandError(f"the peer's packages could not be installed: {ran.stderr.strip()[-300:]}")
    return packages
