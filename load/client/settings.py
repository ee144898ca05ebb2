"""The settings of the load side: variables of the environment, else of .env in the folder."""

import io
import os
from pathlib import Path

from dotenv import dotenv_values

from load.client.refusal import Refused


def setting(name: str, default: str = "") -> str:
    """Return a variable of the environment, else of .env in this folder, else `default`; raises Refused."""
    return os.environ.get(name) or read_env_file(Path(".env")).get(name) or default


def read_env_file(path: Path, *, interpolate: bool = True) -> dict[str, str | None]:
    """Return the values in a file like .env, none if it is missing; raises Refused, which shows nothing of them.

    backend/env_file.py looks at .env in the same way for the services.
    """
    try:
        content = path.read_bytes()
        fault = content.find(b"\0")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Refused(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        fault = problem.start
    if fault >= 0:
        line = content.count(b"\n", 0, fault) + 1
        raise Refused(f"{path} line {line} is no text in UTF-8; save the file in that encoding")
    return dotenv_values(stream=io.StringIO(text), interpolate=interpolate)
