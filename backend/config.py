"""Every setting of the services, read once from the environment and from .env in the working folder."""

import os
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.cores import count_cores

SECRET_BYTES = 32  # RFC 7518, section 3.2: a key of at least the size of the hash output
PLACEHOLDERS = ("change", "replace", "your-", "your_", "placeholder", "example", "secret-key", "secret_key", "default")


class ConfigError(Exception):
    """A setting is missing or wrong; the text names the variable and never its value."""


def _refuse_weak_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text.encode()) < SECRET_BYTES:
        raise ValueError(f"it has fewer than {SECRET_BYTES} bytes")
    if any(word in text.lower() for word in PLACEHOLDERS) or len(set(text)) < 8:
        raise ValueError("it is a placeholder")
    return secret


class Settings(BaseSettings):
    """The settings with their defaults; the environment wins over .env."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    jwt_secret: Annotated[SecretStr, AfterValidator(_refuse_weak_secret)]
    db_host: str = "127.0.0.1"
    db_port: int = Field(3306, ge=1, le=65535)
    db_user: str
    db_password: SecretStr = SecretStr("")
    db_name: str = "Libros"
    db_pool_size: int = Field(10, ge=1, le=32)  # 32 is the connector's own limit
    db_pool_wait_ms: int = Field(250, ge=0, le=5000)
    db_pool_reset_session: bool = True
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    bcrypt_rounds: int = Field(12, ge=4, le=16)
    access_token_ttl: int = Field(900, ge=1)
    refresh_token_ttl: int = Field(604800, ge=1)
    session_ttl: int = Field(2592000, ge=1)  # 30 days: NIST SP 800-63B, of its first level
    read_model: Literal["redis", "sql"] = "redis"
    metrics_token: SecretStr | None = None
    service_workers: int = Field(1, ge=1)  # set by gunicorn.conf.py
    service_cores: int = Field(default_factory=count_cores, ge=1)  # likewise


HINTS = {
    "JWT_SECRET": "set it in .env to 32 random bytes or more, for example from: "
    'python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
    "DB_USER": "set it in .env to the MariaDB account of the services",
}


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Give the settings of this process.

    Raises ConfigError, in one line, for the first setting that is missing or wrong.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # the environment gives the required ones
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper()
        reason = "it is not set" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        hint = HINTS.get(name, "set it in .env or in the environment; .env.example shows the defaults")
        raise ConfigError(f"{name} cannot be used: {reason}; {hint}") from None


os.register_at_fork(after_in_child=settings.cache_clear)  # so that a reload of Gunicorn reads them anew
