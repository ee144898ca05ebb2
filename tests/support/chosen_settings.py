"""Reads the services' settings in the process of the tests, from chosen variables and the working folder alone."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from backend import config

NEEDED = {"JWT_SECRET": secrets.token_urlsafe(48), "DB_USER": "libros"}


@contextmanager
def chosen_settings(folder: Path, **variables: str | None) -> Iterator[config.Settings]:
    """Let these be the settings until the block ends; None takes a variable out. Raises config.ConfigError."""
    before, settings = os.getcwd(), {**NEEDED, **variables}
    others = {name: value for name, value in os.environ.items() if name.lower() not in config.Settings.model_fields}
    environment = others | {name: value for name, value in settings.items() if value is not None}
    with patch.dict(os.environ, environment, clear=True), patch.object(config, "_present", None):
        os.chdir(folder)
        try:
            yield config.read_settings()
        finally:
            os.chdir(before)
