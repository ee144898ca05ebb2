"""Makes a copy of a commit that is slower by a known share, to compare with that commit.

`python -m tests.error_rates.slower_build FOLDER --share 0.1` burns 10 % more processor time in every request,
those that the worker's loop answers too; `--only "POST /api/books"` has one endpoint take so much longer.
"""

import argparse
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BURN = Path(__file__).with_name("burn.py")
# A file, a text that stands once in it, and what is put in its place.
CHANGES = [
    ("backend/server/main_loop.py", "import time\n", "import time\n\nfrom backend import burn\n"),
    (
        "backend/server/main_loop.py",
        "        self.send(conn, answer)\n",
        "        burn.burn()\n        self.send(conn, answer)\n",
    ),
    ("backend/server/worker.py", "import struct\n", "import struct\n\nfrom backend import burn\n"),
    (
        "backend/server/worker.py",
        "return app(environ, start_response)",
        "return burn.answer(app, environ, start_response)",
    ),
]


def make_slower(folder: Path, commit: str, share: float, only: str = "") -> None:
    """Write the files of a commit into a new folder, and make them slower; raises CalledProcessError or ValueError."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(PROJECT), "archive", commit], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    for name, old, new in CHANGES:
        replace_once(folder / name, old, new)
    burn = folder / "backend" / "burn.py"
    burn.write_text(BURN.read_text())
    replace_once(burn, "SHARE = 0.1\n", f"SHARE = {share}\n")
    replace_once(burn, 'ONLY = "" ', f"ONLY = {only!r} ")


def replace_once(path: Path, old: str, new: str) -> None:
    """Replace a text in a file; raises ValueError unless it stands there once."""
    text = path.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{path} does not hold once: {old!r}")
    path.write_text(text.replace(old, new))


def main() -> int:
    """Make the copy, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.error_rates.slower_build", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the copy is made; there is none yet")
    parser.add_argument("--commit", default="HEAD", help="what is copied (HEAD)")
    parser.add_argument("--share", type=float, default=0.1, help="how much slower it is (0.1)")
    parser.add_argument("--only", default="", metavar="ENDPOINT", help='one endpoint alone, as "POST /api/books"')
    options = parser.parse_args()
    make_slower(options.folder, options.commit, options.share, options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
