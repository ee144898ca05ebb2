"""The sessions of the accounts, and the private file that keeps them."""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from load.client.accounts import check_private
from load.client.refusal import Refused

PRUNE_AFTER = 604_800  # seconds after which a session that was not refreshed is dropped from the file


class Session(TypedDict):
    """The tokens of one account, until when the access token is good, and its whole life in seconds."""

    access_token: str
    refresh_token: str
    expires_at: float
    lifetime: float


Sessions = dict[str, Session]  # by username


def is_due(session: Session) -> bool:
    """Tell whether a third of the access token's life or less is left."""
    return time.time() > session["expires_at"] - session["lifetime"] / 3


def read_sessions(path: Path) -> dict[str, Sessions]:
    """Return the sessions of every auth service in the file, none if it is missing; raises Refused."""
    try:
        with open(path, encoding="utf-8") as file:
            check_private(file.fileno(), path)
            kept = json.load(file)
        for session in (session for sessions in kept.values() for session in sessions.values()):
            (session["access_token"] + session["refresh_token"], session["expires_at"] - session["lifetime"])
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Refused(f"{path} cannot be read: {problem.strerror}") from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Refused(f"{path} is not a file of sessions; remove it, and the accounts log in anew") from None
    return dict(kept)


def write_sessions(path: Path, kept: dict[str, Sessions]) -> None:
    """Replace the file as a whole, with mode 0600; raises Refused."""
    oldest = time.time() - PRUNE_AFTER
    alive = {
        url: {name: each for name, each in sessions.items() if each["expires_at"] > oldest}
        for url, sessions in kept.items()
    }
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(alive, file)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as problem:
        raise Refused(f"cannot write {path}: {problem.strerror}", 1) from None


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Lock the file's folder for a `with` block, because two runs that refresh the same session would end it."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.1)  # no blocking lock, because inside Locust that would stop every greenlet
        yield
    finally:
        os.close(folder)
