"""What A and B of a comparison are: a git revision of this project, a folder with it, or a host."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from load.client.addresses import SERVICES, check_url, host_name
from load.client.refusal import Refused
from load.client.target import Target
from load.machines.build import ask_program
from load.run.machine import is_this_machine

STACK = "local_stack.sh"  # a folder with the project has it
PARTS = (STACK, "requirements.txt", "app_jwt_redis.py", "microservicioCQRSRedis.py")
RIGHT = "give a git revision, a folder with this project, or a host as http://HOST"


@dataclass(frozen=True)
class Side:
    """One side, as typed. A host has a target; a folder has its path; a revision has its commit alone."""

    what: str
    label: str
    target: Target | None = None
    folder: Path | None = None
    commit: str | None = None
    is_changed: bool = False  # the folder has changes that no commit has


def choose_side(what: str, called_from: Path, project: Path) -> Side:
    """Return the side that somebody means by a word; raises Refused, which says what would be right."""
    if "://" in what or what == "localhost" or is_address(what):
        return choose_host(what)
    folder = called_from / what
    if is_file(folder / STACK):
        return choose_folder(what, folder.resolve())
    commit = read_revision(project, what)
    if commit:
        held = ask_program("git", "-C", str(project), "ls-tree", "--name-only", commit, *PARTS) or ""
        refuse_without_parts(f"the revision {what}", held.splitlines())
        return Side(what, what if commit.startswith(what) else f"{what} ({commit[:7]})", commit=commit)
    if folder.is_dir():
        raise Refused(f"{what} is a folder without {STACK}: {RIGHT}")
    if ask_program("git", "-C", str(project), "rev-parse", "HEAD") is None:
        raise Refused(f"{what} is no folder, and there are no revisions: git knows no checkout here; {RIGHT}")
    shallow = ask_program("git", "-C", str(project), "rev-parse", "--is-shallow-repository") == "true"
    also = " (this clone is shallow: `git fetch --unshallow` gets the older ones)" if shallow else ""
    raise Refused(f"{what} is no revision of this project{also}, no folder and no host; {RIGHT}")


def is_file(path: Path) -> bool:
    """Tell whether a path is a file; raises Refused where that must not be looked up."""
    try:
        return path.is_file()
    except OSError as problem:
        raise Refused(f"{path.parent} cannot be read: {problem.strerror}; {RIGHT}") from None


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def choose_host(what: str) -> Side:
    """Return the side of a host, or of AUTH_URL,BOOKS_URL; raises Refused."""
    if "," in what:
        auth, _, books = what.partition(",")
        target = Target(
            check_url(auth, f"the auth service of {what}"), check_url(books, f"the books service of {what}")
        )
    else:
        try:
            name = host_name(what)
        except Refused:
            both = "http://HOST for its ports 5000 and 5001, or both addresses as http://HOST:PORT,http://HOST:PORT"
            raise Refused(f"the host {what} must be given as {both}") from None
        target = Target(*(f"http://{name}:{port}" for port in SERVICES.values()))
    return Side(what, what, target=target)


def choose_folder(what: str, folder: Path) -> Side:
    """Return the side of a folder; raises Refused when it does not hold the whole project."""
    refuse_without_parts(f"the folder {what}", [name for name in PARTS if is_file(folder / name)])
    commit = read_revision(folder, "HEAD") if (folder / ".git").exists() else None  # else that of a folder above
    is_changed = bool(commit and ask_program("git", "-C", str(folder), "status", "--porcelain"))
    of = f" ({commit[:7]}{' with changes' if is_changed else ''})" if commit else ""
    return Side(what, f"{what}{of}", folder=folder, commit=commit, is_changed=is_changed)


def refuse_without_parts(what: str, held: list[str]) -> None:
    """Refuse what does not hold the whole project."""
    if missing := [name for name in PARTS if name not in held]:
        raise Refused(f"{what} has no {missing[0]}, so it cannot be started: {RIGHT}")


def read_revision(folder: Path, revision: str) -> str | None:
    """Return the commit that a revision names in a checkout; None where it names none."""
    if re.match(r"-|$", revision):
        return None
    return ask_program("git", "-C", str(folder), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def is_same_service(one: str, other: str) -> bool:
    """Tell whether two addresses are the same service: the same port of one name, or of this machine.

    Other names may share an address: those of several services behind a proxy.
    """
    (host, port), (other_host, other_port) = find_port(one), find_port(other)
    return port == other_port and (host == other_host or (is_this_machine(one) and is_this_machine(other)))


def find_port(url: str) -> tuple[str | None, int]:
    """Return the name of the host in an address, and the port."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def find_notes(sides: dict[str, Side], project: Path) -> list[str]:
    """Return what somebody should know of the two sides before he believes the result; raises Refused for one host."""
    a, b = sides.values()
    if a.target and b.target and all(map(is_same_service, a.target, b.target)):
        raise Refused("A and B are the same services: their loads would meet; a host is compared with another one")
    notes = [
        f"{name.upper()}: {side.label} has changes that no commit has; what stands in the folder is measured"
        for name, side in sides.items()
        if side.is_changed
    ]
    notes += [
        f"{name.upper()}: {side.what} is measured as a folder; the branch of that name is refs/heads/{side.what}"
        for name, side in sides.items()
        if side.folder and read_revision(project, f"refs/heads/{side.what}")
    ]
    if a.commit and a.commit == b.commit and not (a.is_changed or b.is_changed):
        notes.append("A and B are the same commit, A against A: SAME is the right answer")
    head = read_revision(project, "HEAD")
    changed = ask_program("git", "-C", str(project), "status", "--porcelain", "--untracked-files=no")
    notes += [
        f"{name.upper()}: {side.label} is measured as it was committed, without the changes of this folder; "
        "to measure those too, give the folder itself"
        for name, side in sides.items()
        if changed and not side.folder and side.commit == head and head
    ]
    return notes
