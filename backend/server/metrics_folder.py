"""The folder in which a Gunicorn master and its workers keep their metrics, and what killed masters left of theirs.

A master and its workers hold a lock on their folder for as long as one of them lives: the system lets go of it then,
however they end. Nothing here may import prometheus_client, which asks for the folder at its own import.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "libros-metrics-of-"  # only folders with a lock are called that
UNLOCKED = "libros-new-metrics-"
MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp makes a folder in it that is this user's alone


def choose_place() -> str:
    """Give the folder that TMPDIR names, else memory where there is such a file system.

    The files are mapped, and whoever touches a new page of one is killed where the disk is full.
    """
    has_memory = os.access(MEMORY, os.W_OK | os.X_OK)
    return MEMORY if has_memory and not os.environ.get("TMPDIR") else tempfile.gettempdir()


def make_folder() -> str:
    """Make a folder, locked for the life of this process and of those that it forks, and give its path."""
    made = Path(tempfile.mkdtemp(prefix=UNLOCKED, dir=choose_place()))
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)  # never closed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:  # a file system without locks: nobody will remove this folder but its own master
        return str(made)
    named = made.with_name(made.name.replace(UNLOCKED, f"{PREFIX}{os.getpid()}-"))
    made.rename(named)  # only now: a folder of that name without a lock is anybody's to remove
    return str(named)


def remove_left_folders() -> None:
    """Remove the folders of this user whose processes have all ended; one that cannot be removed stays."""
    for folder in Path(choose_place()).glob(f"{PREFIX}*"):
        try:
            with _locked(folder):
                shutil.rmtree(folder)
        except OSError:  # it is in use, of another user, or just removed by another master
            continue


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            raise PermissionError(folder)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
