"""Each setting that cannot be used is refused by its name, in one line and without its value."""

import os
from pathlib import Path

import pytest

from backend.config import ConfigError
from tests.support.certificates import make_certificates
from tests.support.chosen_settings import chosen_settings

CANARY = "Canary7"  # part of each value that may not be shown
HOST = "db.example:6379"
REDIS_URLS = [
    (f"{CANARY}", "redis://"),
    (f"localhost:6379/{CANARY}", "redis://"),
    (f"//:{CANARY}@{HOST}", "redis://"),
    (f"REDIS://:{CANARY}@{HOST}", "redis://"),
    (f"http://:{CANARY}@{HOST}", "redis://"),
    (f"mysql://:{CANARY}@{HOST}", "redis://"),
    (f"redis://:{CANARY}#x@{HOST}/0", "%23"),
    (f"redis://:x#{CANARY}@{HOST}/0", "%23"),
    (f"redis://:6#{CANARY}@{HOST}/0", "%23"),
    (f"redis://:{CANARY}/x@{HOST}/0", "%2F"),
    (f"redis://:x/{CANARY}@{HOST}/0", "%2F"),
    (f"redis://:6?{CANARY}@{HOST}/0", "%3F"),
    (f"redis://:[{CANARY}@{HOST}/0", "%5B"),
    (f"redis://:{CANARY}%FF@{HOST}/0", "%25"),
    (f"redis://{HOST}{CANARY}/0", "port"),
    ("redis://localhost:65536", "port"),
    ("redis://localhost:0", "port"),
    ("redis://localhost:-1", "port"),
    (f"redis://{CANARY} x/0", "host"),
    (f"redis://{CANARY}..x/0", "host"),
    (f"redis://{'x' * 64}{CANARY}/0", "host"),
    (f"redis://localhost/{CANARY}", "database"),
    ("redis://localhost/0/1", "database"),
    ("redis://localhost/-1", "database"),
    ("redis://localhost/1?db=1", "database"),
    ("redis://localhost?db=x", "database"),
    ("redis://localhost?decode_responses=False", "decode_responses"),
    ("redis://localhost?socket_timeout=9", "socket_timeout"),
    (f"redis://localhost?{CANARY}=1", "?"),
    ("redis://localhost?db=1&db=1", "twice"),
    ("redis://localhost?ssl_ca_certs=/etc/ca.pem", "rediss://"),
    (f"rediss://localhost?ssl_ca_certs=/{CANARY}", "No such file"),
    ("rediss://localhost?ssl_ca_certs=%00", "certificate"),
    (f"rediss://localhost?ssl_certfile=/{CANARY}", "No such file"),
    (f"rediss://localhost?ssl_keyfile=/{CANARY}", "ssl_certfile"),
    ("rediss://localhost?ssl_cert_reqs=optional", "required or none"),
    ("rediss://localhost?ssl_check_hostname=maybe", "true or false"),
    (f"unix://{CANARY}/redis.sock", "absolute"),
    ("unix://", "absolute"),
    (f"unix:///{CANARY}%00", "absolute"),
    (f"unix:///{'x' * 100}{CANARY}", "107"),
    ("unix:///redis.sock?ssl_ca_certs=/etc/ca.pem", "rediss://"),
]
OTHERS = [
    ("JWT_SECRET", f"{CANARY}-0123456789-0123456789-0123456789\n", "line break"),
    ("JWT_SECRET", f"{CANARY}-0123456789-0123456789-01234567\udce9", "UTF-8"),
    ("DB_PASSWORD", f"{CANARY}\udcff", "UTF-8"),
    ("DB_PASSWORD", f"{CANARY}\r", "line break"),
    ("DB_HOST", f"{CANARY}:3306", "host"),
    ("DB_HOST", f"/run/{CANARY}.sock", "host"),
    ("DB_HOST", f"mysql://{CANARY}", "host"),
    ("DB_HOST", "[::1]", "host"),
    ("DB_HOST", f"{CANARY}..x", "host"),
    ("DB_PORT", f"{CANARY}", "integer"),
    ("DB_USER", f" {CANARY}", "space"),
    ("DB_USER", "   ", "space"),
    ("DB_USER", CANARY * 20, "128"),
    ("DB_NAME", f"{CANARY} ", "space"),
    ("DB_NAME", CANARY * 10, "64"),
    ("DB_TLS", "verify", "path"),
    ("DB_TLS", f"/{CANARY}.pem", "No such file"),
    ("DB_TLS", __file__, "certificate"),
    ("DB_TLS", "/", "certificate"),
    ("METRICS_TOKEN", " ", "space"),
    ("METRICS_TOKEN", f"{CANARY} x", "space"),
    ("METRICS_TOKEN", f"{CANARY}é", "ASCII"),
    ("ACCESS_TOKEN_TTL", "9" * 30, "less than"),
    ("ACCESS_TOKEN_TTL", "0", "greater than"),
    ("ACCESS_TOKEN_TTL", "604801", "REFRESH_TOKEN_TTL"),
    ("REFRESH_TOKEN_TTL", "9" * 30, "less than"),
    ("REFRESH_TOKEN_TTL", "899", "ACCESS_TOKEN_TTL"),
    ("REDIS_URL", f"redis://:{CANARY}@{HOST}\n", "line break"),
]


@pytest.mark.parametrize(
    ("name", "value", "word"), [("REDIS_URL", *case) for case in REDIS_URLS] + OTHERS, ids=lambda part: ascii(part)[:60]
)
def test_a_setting_that_cannot_be_used_is_named_and_its_value_is_not_shown(
    tmp_path: Path, name: str, value: str, word: str
) -> None:
    with pytest.raises(ConfigError) as refused, chosen_settings(tmp_path, **{name: value}):
        pass
    said = str(refused.value)
    assert name in said and " cannot be used: " in said
    assert word in said
    assert CANARY not in said and len(said.splitlines()) == 1
    assert refused.value.__cause__ is None and refused.value.__suppress_context__  # no log shows more of it


GOOD_URLS = {
    "redis://localhost": ("localhost", 6379, "", 0, "", ""),
    "redis://:p%23%2F%3F%40%5B%25@redis.example:1/15": ("redis.example", 1, "", 15, "", "p#/?@[%"),
    "redis://reader@[::1]:6380/": ("::1", 6380, "", 0, "reader", ""),
    "redis://reader:a:b@10.0.0.1?db=3": ("10.0.0.1", 6379, "", 3, "reader", "a:b"),
    "redis:///2": ("localhost", 6379, "", 2, "", ""),
    "unix:///run/redis/redis.sock": ("", 0, "/run/redis/redis.sock", 0, "", ""),
    "unix://reader:secret@/run/r.sock?db=1": ("", 0, "/run/r.sock", 1, "reader", "secret"),
    "unix:///run/r.sock?username=reader&password=se+cret": ("", 0, "/run/r.sock", 0, "reader", "se cret"),
}


@pytest.mark.parametrize("url", GOOD_URLS)
def test_every_part_of_a_redis_url_is_read(tmp_path: Path, url: str) -> None:
    with chosen_settings(tmp_path, REDIS_URL=url) as settings:
        found = settings.redis_address
    parts = (found.host, found.port, found.path, found.database, found.username, found.password)
    assert (parts, found.encryption) == (GOOD_URLS[url], "off")
    assert "secret" not in repr(found) and "p#" not in repr(found)


def test_what_the_certificates_are_asked_for_is_said(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    checks = {
        f"ssl_ca_certs={made.ca}": "verify",
        f"ssl_ca_certs={made.ca}&ssl_certfile={made.certificate}&ssl_keyfile={made.key}": "verify",
        f"ssl_ca_certs={made.ca}&ssl_check_hostname=False": "on",
        "ssl_cert_reqs=none": "on",
    }
    for query, encryption in checks.items():
        with chosen_settings(tmp_path, REDIS_URL=f"rediss://localhost?{query}") as settings:
            assert settings.redis_address.encryption == encryption, query
    for choice, encryption in {"off": "off", "on": "on", str(made.ca): "verify"}.items():
        with chosen_settings(tmp_path, DB_TLS=choice) as settings:
            assert settings.db_encryption == encryption


def test_a_store_on_another_machine_is_named_unless_what_goes_there_is_encrypted(tmp_path: Path) -> None:
    for host, url, tls, exposed in (
        ("localhost", "redis://127.0.0.1", "off", []),
        ("::1", "unix:///redis.sock", "off", []),
        ("db.example", "redis://redis.example", "off", ["DB_HOST", "REDIS_URL"]),
        ("10.0.0.1", "rediss://redis.example?ssl_cert_reqs=none", "on", []),
    ):
        with chosen_settings(tmp_path, DB_HOST=host, REDIS_URL=url, DB_TLS=tls) as settings:
            assert settings.exposed == exposed


BAD_FILES = {
    "Latin-1": (f"DB_USER=libros\n# contrase\xf1a\nDB_PASSWORD={CANARY}\n".encode("latin-1"), ".env line 2 is no text"),
    "UTF-16": (f"DB_PASSWORD={CANARY}\n".encode("utf-16"), ".env line 1 is no text"),
    "UTF-16 without its mark": (f"DB_PASSWORD={CANARY}\n".encode("utf-16-le"), ".env line 1 is no text"),
    "a NUL": (f"DB_USER=libros\n\nDB_PASSWORD={CANARY}\0\n".encode(), ".env line 3 is no text"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_an_env_file_that_is_no_text_is_named_with_its_line_and_not_shown(tmp_path: Path, kind: str) -> None:
    content, words = BAD_FILES[kind]
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError) as refused, chosen_settings(tmp_path):
        pass
    assert words in str(refused.value) and len(str(refused.value).splitlines()) == 1
    assert CANARY not in str(refused.value) and refused.value.__suppress_context__


def test_a_folder_in_the_place_of_an_env_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError, match=r"\.env is a folder"), chosen_settings(tmp_path):
        pass


def test_an_env_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    os.symlink(".env", tmp_path / ".env")  # no mode of a file stops root
    with pytest.raises(ConfigError, match=r"\.env cannot be read: Too many levels"), chosen_settings(tmp_path):
        pass


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_env_file_is_read_with_and_without_the_mark_of_windows(tmp_path: Path, mark: str) -> None:
    (tmp_path / ".env").write_text(f"{mark}DB_PASSWORD=contrase\xf1a\n", encoding="utf-8")
    with chosen_settings(tmp_path) as settings:
        assert settings.db_password.get_secret_value() == "contrase\xf1a"
