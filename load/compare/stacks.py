"""A private stack for a side of a comparison: its code in a folder, brought up by its own local_stack.sh."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from load.client.refusal import BROKEN, Refused
from load.client.script import warn
from load.client.settings import read_env_file
from load.compare.sides import STACK
from load.machines.build import ask_program
from stack.ports import find_free_ports
from stack.programs import started, undisturbed

LONGEST_S = 900  # to bring a stack up, or down: its requirements may have to be installed
GIT = ("git", "-c", "core.hooksPath=/dev/null")


@contextmanager
def open_state(stack: Path) -> Iterator[Path]:
    """Give a new folder below that of the local stack, and remove it in the end; raises Refused."""
    is_new = not stack.exists()
    try:
        stack.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(stack.iterdir()):
            (stack / "lock").touch()  # so that local_stack.sh knows the folder as a stack's
        state = Path(tempfile.mkdtemp(prefix="compare.", dir=stack))
    except OSError as problem:
        words = f"cannot make a folder in {stack}: {problem.strerror}; name another place in STACK_DIR"
        raise Refused(words, BROKEN) from None
    try:
        yield state
    finally:
        with undisturbed():
            shutil.rmtree(state, ignore_errors=True)
            if is_new and [path.name for path in stack.iterdir()] == ["lock"]:
                shutil.rmtree(stack)


@contextmanager
def open_checkout(project: Path, commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder of its own, a worktree, and remove it in the end; raises Refused.

    Gives the folder of the project in it, which may be a part of a larger repository.
    """
    in_project = [*GIT, "-C", str(project), "worktree"]
    try:
        run_whole(
            [*in_project, "add", "--quiet", "--detach", str(folder), commit], f"{commit[:7]} cannot be checked out"
        )
        yield folder / (ask_program(*GIT, "-C", str(project), "rev-parse", "--show-prefix") or "")
    finally:
        with undisturbed():  # other worktrees of the repository are none of ours: no prune
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([*in_project, "remove", "--force", str(folder)], capture_output=True, check=False)


@contextmanager
def open_stack(code: Path, project: Path, folder: Path) -> Iterator[dict[str, str]]:
    """Bring the stack of some code up, and take it down in the end; gives its stack.env. Raises Refused."""
    auth_port, books_port = find_free_ports(2)
    chosen = {"STACK_DIR": str(folder), "AUTH_PORT": str(auth_port), "BOOKS_PORT": str(books_port)}
    settings = {**os.environ, **chosen}
    settings.pop("VIRTUAL_ENV", None)
    if (code / "requirements.txt").read_bytes() == (project / "requirements.txt").read_bytes():
        settings["VIRTUAL_ENV"] = sys.prefix  # else its own, which its local_stack.sh makes
    command = ["bash", str(code / STACK)]
    try:
        run_whole([*command, "up"], f"the stack of {code} does not start", settings)
        values = read_env_file(folder / "stack.env", interpolate=False)
        yield {name: value for name, value in values.items() if value is not None}
    finally:
        with undisturbed():
            subprocess.run([*command, "down"], env=settings, capture_output=True, timeout=LONGEST_S, check=False)


def run_whole(command: list[str], problem: str, environment: dict[str, str] | None = None) -> None:
    """Run a program to its end; raises Refused with the `problem` and its last words when it fails.

    Interrupted, the program is asked to end, and has the time to undo what it has done.
    """
    words_to = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with started(command, ask_to_end, env=environment, **words_to) as process:
        try:
            words, _ = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            raise Refused(f"{problem} within {LONGEST_S} s", BROKEN) from None
    if process.returncode:
        raise Refused(f"{problem}:\n{words.strip()[-2000:]}", BROKEN)


def ask_to_end(process: "subprocess.Popen[str]") -> None:
    """Ask a program to end, if it still runs, with what it waits for, as an installation; and hear it out."""
    if process.poll() is None:
        warn("compare.sh: ending what was begun ...")
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
