"""Where the stores are, and whether what goes there is encrypted; no message repeats any part of an address."""

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*\.?")
LONGEST_HOST = 253  # with labels of at most 63 (RFC 1035, section 2.3.4): others cannot even be asked for
LONGEST_SOCKET_PATH = 107  # bytes: what Linux has room for (man 7 unix)
DATABASE = re.compile(r"[0-9]{1,5}")
PARAMETER = re.compile(r"[a-z_]{1,30}")
PARAMETERS = {"db", "username", "password"}
TLS_PARAMETERS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
ESCAPED = "in a password # is written %23, / %2F, ? %3F, @ %40, [ %5B and % %25"


def check_host(host: str) -> str:
    """Give a name or an address back. Raises ValueError when it is neither, or has a port or more beside it."""
    if len(host) <= LONGEST_HOST and HOST.fullmatch(host):
        return host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError("the host must be a name or an address, with nothing before or behind it") from None
    return host


def is_local(host: str) -> bool:
    """Say whether a host is this machine by its very name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def build_context(ca: str | None, certificate: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """Give the settings of TLS for servers whose certificates the CA in a file has signed, by default the system's CAs,
    and for showing them a certificate of our own. Raises ValueError for a file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key, password="")  # else a key with a password would ask the terminal
    except OSError as problem:  # those of the ssl module too
        raise ValueError(f"a file with a certificate or key cannot be used: {problem.strerror}") from None
    except ValueError:
        raise ValueError("no file with a certificate or key can have such a name") from None
    return context


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is, a host and port or the path of a socket, and how to sign in there."""

    host: str
    port: int
    path: str
    database: int
    username: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = None

    @property
    def encryption(self) -> str:
        """Say `off`, `on`, or `verify` where the server's certificate and its name are checked."""
        if self.tls is None:
            return "off"
        return "verify" if self.tls.check_hostname else "on"  # it cannot be checked without the certificate

    @property
    def is_exposed(self) -> bool:
        """Say whether what goes there leaves this machine unencrypted."""
        return not self.path and self.tls is None and not is_local(self.host)


def read_redis_url(url: str) -> RedisAddress:
    """Give the parts of redis://, rediss:// (TLS) or unix://, as redis-py has them. Raises ValueError."""
    scheme, found, _ = url.partition("://")
    if not found or scheme not in ("redis", "rediss", "unix"):
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    try:
        parts = urlsplit(url)
        port = 6379 if parts.port is None else parts.port
        username, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
    except ValueError:  # its words repeat what they are about
        raise ValueError(f"its user, password, host or port cannot be read; {ESCAPED}") from None
    if "#" in url or "@" in parts.path + parts.query:
        raise ValueError(f"it goes on where its host should end; {ESCAPED}")
    given = _read_parameters(parts.query, PARAMETERS | TLS_PARAMETERS if scheme == "rediss" else PARAMETERS)
    login = given.get("username", username), given.get("password", password)
    if scheme == "unix":
        return RedisAddress("", 0, _read_socket(parts), _read_database("", given), *login)
    host = check_host(parts.hostname or "localhost")
    if port == 0:
        raise ValueError("its port must be from 1 to 65535")
    tls = _read_tls(given) if scheme == "rediss" else None
    return RedisAddress(host, port, "", _read_database(parts.path, given), *login, tls)


def _read_parameters(query: str, known: set[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise ValueError("what stands behind its ? cannot be read") from None
    given = dict(pairs)
    for name in given.keys() - known:
        shown = name if PARAMETER.fullmatch(name) else "behind its ?"
        needs_tls = ", only with rediss://" if name in TLS_PARAMETERS else ""
        raise ValueError(f"the parameter {shown} is not taken{needs_tls}")
    if len(given) < len(pairs):
        raise ValueError("it gives a parameter twice")
    return given


def _read_socket(parts: SplitResult) -> str:
    path = unquote(parts.path)
    if parts.hostname or not path.startswith("/") or "\0" in path or len(path.encode()) > LONGEST_SOCKET_PATH:
        raise ValueError(f"unix:// needs an absolute path, unix:///..., of at most {LONGEST_SOCKET_PATH} bytes")
    return path


def _read_database(path: str, given: dict[str, str]) -> int:
    named = path.removeprefix("/")
    text = named or given.get("db", "0")
    if not DATABASE.fullmatch(text) or (named and "db" in given):
        raise ValueError("its database must be one number, as in redis://HOST:PORT/0")
    return int(text)


def _read_tls(given: dict[str, str]) -> ssl.SSLContext:
    checks, names = given.get("ssl_cert_reqs", "required"), given.get("ssl_check_hostname", "true").lower()
    if checks not in ("required", "none") or names not in ("true", "false"):
        raise ValueError("its ssl_cert_reqs must be required or none, its ssl_check_hostname true or false")
    if "ssl_keyfile" in given and "ssl_certfile" not in given:
        raise ValueError("its ssl_keyfile needs an ssl_certfile")
    context = build_context(given.get("ssl_ca_certs"), given.get("ssl_certfile"), given.get("ssl_keyfile"))
    context.check_hostname = checks == "required" and names == "true"
    if checks == "none":
        context.verify_mode = ssl.CERT_NONE
    return context
