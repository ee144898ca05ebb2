"""The sessions of the accounts, and the private file that keeps them."""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from load.client.accounts import check_private
from load.client.refusal import Refused

PRUNE_AFTER = 604_800  # seconds after which a session that was not refreshed is dropped from the file
PAUSE_S = 0.1  # between two tries of a lock: a lock that blocks would stop every greenlet of a Locust


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


def keep_sessions(path: Path, auth_url: str, sessions: Sessions) -> None:
    """Put the sessions of one auth service in the place of those that the file has of it; raises Refused.

    Call it with the service locked. The sessions of other services stay, also those that another run renews just now.
    """
    with _lock_folder(path):
        write_sessions(path, {**read_sessions(path), auth_url: sessions})


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
def lock_service(path: Path, auth_url: str) -> Iterator[None]:
    """Lock the sessions of one auth service for a `with` block, because two runs that refresh the same session would
    end it; raises Refused.

    Each service has a lock of its own, a file beside that of the sessions: a service that is down keeps its runs
    waiting for an answer, and runs against others must not wait with them.
    """
    lock = path.with_name(f".{path.name}.{hashlib.sha256(auth_url.encode()).hexdigest()[:16]}.lock")
    while (handle := _try_lock(lock)) is None:
        time.sleep(PAUSE_S)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _try_lock(lock: Path) -> int | None:
    """Return the open file once it is locked, None when another has it or has just removed it; raises Refused."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise Refused(f"cannot write {lock}: {problem.strerror}", 1) from None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.stat(lock)):
            return handle
    os.close(handle)
    return None


@contextmanager
def _lock_folder(path: Path) -> Iterator[None]:
    """Lock the file's folder for a `with` block that sends nothing."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(PAUSE_S)
        yield
    finally:
        os.close(folder)
