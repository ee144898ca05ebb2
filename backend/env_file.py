"""Looks at .env before it is read: what cannot be read ends the start in one line that names it, and not its content.

load/client/settings.py, on the load side, which shares no code with the services, does the same.
"""

import os
import stat
from pathlib import Path

NAME = ".env"


def check_env_file() -> None:
    """Raise ValueError unless .env in the working folder is text in UTF-8, or there is none."""
    try:
        mode = os.stat(NAME).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError(f"{NAME} is a folder; it must be a file, as .env.example is")
        content = Path(NAME).read_bytes() if stat.S_ISREG(mode) else b""  # a pipe can be read only once
    except FileNotFoundError:
        return
    except OSError as problem:
        raise ValueError(f"{NAME} cannot be read: {problem.strerror}") from None
    fault = content.find(b"\0")
    try:
        content.decode()
    except UnicodeDecodeError as problem:
        fault = problem.start
    if fault >= 0:
        line = content.count(b"\n", 0, fault) + 1
        raise ValueError(f"{NAME} line {line} is no text in UTF-8; save the file in that encoding")
