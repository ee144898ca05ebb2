"""Every setting of the services, read once from the environment and from .env in the working folder."""

import os
import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.addresses import RedisAddress, build_context, check_host, is_local, read_redis_url
from backend.cores import count_cores
from backend.env_file import check_env_file

SECRET_BYTES = 32  # RFC 7518, section 3.2: a key of at least the size of the hash output
PLACEHOLDERS = ("change", "replace", "your-", "your_", "placeholder", "example", "secret-key", "secret_key", "default")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_TTL = 315_360_000  # seconds, ten years: Redis and JavaScript can still add it to the time


class ConfigError(Exception):
    """A setting is missing or wrong; the text names the variable and never its value."""


def _refuse_weak_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text.encode()) < SECRET_BYTES:
        raise ValueError(f"it has fewer than {SECRET_BYTES} bytes")
    if any(word in text.lower() for word in PLACEHOLDERS) or len(set(text)) < 8:
        raise ValueError("it is a placeholder")
    return secret


def _check_name(name: str) -> str:
    if name != name.strip():
        raise ValueError("it begins or ends with a space")
    return name


def _check_tls(choice: str) -> str:
    if choice not in ("off", "on"):
        if "/" not in choice:
            raise ValueError("it must be off, on, or the path of the file with the CA's certificate, with a / in it")
        build_context(choice)
    return choice


def _check_redis_url(url: SecretStr) -> SecretStr:
    read_redis_url(url.get_secret_value())
    return url


def _check_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch("[!-~]+", token.get_secret_value()):
        raise ValueError("a header can carry it only if it is of ASCII letters, digits and signs, without a space")
    return token


class Settings(BaseSettings):
    """The settings with their defaults; the environment wins over .env."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore",
        hide_input_in_errors=True, frozen=True,
    )  # fmt: skip

    jwt_secret: Annotated[SecretStr, AfterValidator(_refuse_weak_secret)]
    db_host: Annotated[str, AfterValidator(check_host)] = "127.0.0.1"
    db_port: int = Field(3306, ge=1, le=65535)
    db_user: Annotated[str, AfterValidator(_check_name), Field(max_length=128)]  # what MariaDB takes
    db_password: SecretStr = SecretStr("")
    db_name: Annotated[str, AfterValidator(_check_name), Field(max_length=64)] = "Libros"
    db_tls: Annotated[str, AfterValidator(_check_tls)] = "off"
    db_pool_size: int = Field(10, ge=1, le=32)  # 32 is the connector's own limit
    db_pool_wait_ms: int = Field(250, ge=0, le=5000)
    db_pool_reset_session: bool = True
    redis_url: Annotated[SecretStr, AfterValidator(_check_redis_url)] = SecretStr("redis://127.0.0.1:6379/0")
    bcrypt_rounds: int = Field(12, ge=4, le=14)  # 15 takes 2 s and more
    access_token_ttl: int = Field(900, ge=1, le=LONGEST_TTL)
    refresh_token_ttl: int = Field(604800, ge=1, le=LONGEST_TTL, validate_default=True)
    session_ttl: int = Field(2592000, ge=1, le=LONGEST_TTL)  # 30 days: NIST SP 800-63B, of its first level
    read_model: Literal["redis", "sql"] = "redis"
    metrics_token: Annotated[SecretStr, AfterValidator(_check_token)] | None = None
    pin_workers: bool = False
    service_workers: int = Field(1, ge=1)  # set by gunicorn.conf.py
    service_threads: int = Field(1, ge=1)  # of each worker, likewise
    service_cores: int = Field(default_factory=count_cores, ge=1)  # likewise

    @field_validator("*", mode="before")
    @classmethod
    def _check_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            if CONTROL.search(value):
                raise ValueError("it holds a line break or another control character")
            try:
                value.encode()
            except UnicodeEncodeError:  # its words would show a part of it
                raise ValueError("it is no text in UTF-8") from None
        return value

    @field_validator("refresh_token_ttl")
    @classmethod
    def _check_order(cls, seconds: int, info: ValidationInfo) -> int:
        if seconds < info.data.get("access_token_ttl", 0):
            raise ValueError("it is shorter than ACCESS_TOKEN_TTL, so that nobody could refresh")
        return seconds

    @cached_property
    def redis_address(self) -> RedisAddress:
        """Give the parts of REDIS_URL."""
        return read_redis_url(self.redis_url.get_secret_value())

    @property
    def db_encryption(self) -> str:
        """Say `off`, `on`, or `verify` where MariaDB's certificate and its name are checked."""
        return self.db_tls if self.db_tls in ("off", "on") else "verify"

    @property
    def exposed(self) -> list[str]:
        """Name the settings of the stores to which everything goes unencrypted, and off this machine."""
        db_exposed = self.db_tls == "off" and not is_local(self.db_host)
        return ["DB_HOST"] * db_exposed + ["REDIS_URL"] * self.redis_address.is_exposed


HINTS = {
    "JWT_SECRET": "set it in .env to 32 random bytes or more, for example from: "
    'python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
    "DB_USER": "set it in .env to the MariaDB account of the services",
}
_present: Settings | None = None


def settings() -> Settings:
    """Give the settings of this process, read on first use and by read_settings().

    Raises ConfigError, in one line, for the first setting that is missing or wrong.
    """
    return _present or read_settings()


def read_settings() -> Settings:
    """Read the settings and give them; when one is missing or wrong, those of before stay. Raises as settings()."""
    global _present  # noqa: PLW0603 - one a process
    try:
        check_env_file()
        _present = Settings()  # type: ignore[call-arg]  # the environment gives the required ones
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper()
        reason = "it is not set" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        hint = HINTS.get(name, "set it in .env or in the environment; .env.example shows the defaults")
        raise ConfigError(f"{name} cannot be used: {reason}; {hint}") from None
    except ValueError as problem:
        raise ConfigError(str(problem)) from None
    return _present


def _take_workers() -> None:  # which the master counts before each fork
    global _present  # noqa: PLW0603
    if _present is not None:
        workers = int(os.environ.get("SERVICE_WORKERS", "1"))
        _present = _present.model_copy(update={"service_workers": workers})


os.register_at_fork(after_in_child=_take_workers)
