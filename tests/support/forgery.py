"""Tokens that must not be accepted: each function takes the claims of a real one and the secret, and forges."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Forge = Callable[[Json, str], str]

CLAIMS = ("iss", "aud", "sub", "username", "sid", "jti", "iat", "exp", "token_use")
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
FOREIGN_KEY = "a key that the forger knows, of more than thirty-two bytes"
NAN, INFINITY = float("nan"), float("inf")


def encode(part: bytes) -> bytes:
    """Return base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def sign_raw(header: str, payload: str, secret: str, algorithm: str = "HS256") -> str:
    """Return a JWT over these two JSON texts, signed with that HMAC whatever the header says."""
    body = encode(header.encode()) + b"." + encode(payload.encode())
    signature = hmac.new(secret.encode(), body, HASHES[algorithm]).digest()
    return (body + b"." + encode(signature)).decode()


def sign(claims: Json, secret: str, algorithm: str = "HS256", **header: Any) -> str:
    """Return a JWT of these claims; the header fields given replace the honest ones."""
    return sign_raw(json.dumps({"alg": algorithm, "typ": "JWT", **header}), json.dumps(claims), secret, algorithm)


def alter(**changes: Any) -> Forge:
    """Return a forger that signs well, with these claims changed."""
    return lambda claims, secret: sign({**claims, **changes}, secret)


def omit(name: str) -> Forge:
    """Return a forger that signs well, without that claim."""
    return lambda claims, secret: sign({key: claims[key] for key in claims if key != name}, secret)


def write_expiry(number: str) -> Forge:
    """Return a forger that signs well, with that JSON text for the time of the end."""
    raw = f', "exp": {number}}}'
    return lambda claims, secret: sign_raw('{"alg": "HS256"}', json.dumps({**claims, "exp": 0})[:-1] + raw, secret)


def name_algorithm(algorithm: Any, *, signature: bool) -> Forge:
    """Return a forger whose header names that algorithm, over an HS256 signature or none."""

    def forge(claims: Json, secret: str) -> str:
        token = sign(claims, secret, alg=algorithm)
        return token if signature else token.rsplit(".", 1)[0] + "."

    return forge


def nest_header(claims: Json, secret: str) -> str:
    """Forge a header nested 6,000 deep, signed well."""
    header = '{"alg": "HS256", "typ": "JWT", "x": ' + "[" * 6000 + "]" * 6000 + "}"
    return sign_raw(header, json.dumps(claims), secret)


def nest_claims(claims: Json, secret: str) -> str:
    """Forge claims nested 6,000 deep, signed well, without the claims that are required."""
    return sign_raw('{"alg": "HS256", "typ": "JWT"}', "[" * 6000 + "]" * 6000, secret)


def edit_claims(claims: Json, secret: str) -> str:
    """Change the username in the payload and keep the signature of the real one."""
    header, _, signature = sign(claims, secret).split(".")
    payload = encode(json.dumps({**claims, "username": "admin"}).encode()).decode()
    return f"{header}.{payload}.{signature}"


def list_algorithm_forgeries() -> Iterator[tuple[str, Forge]]:
    """Yield (name, forger) of tokens whose algorithm, key or form is wrong."""
    spellings: list[Any] = ["none", "None", "NONE", "nOnE", "", None, [], {}, 0]
    for spelling in spellings:
        yield f"alg {spelling!r} unsigned", name_algorithm(spelling, signature=False)
        yield f"alg {spelling!r} signed", name_algorithm(spelling, signature=True)
    for algorithm in ("HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256"):
        yield f"{algorithm} over an HS256 signature", name_algorithm(algorithm, signature=True)
    yield "really HS384", lambda claims, secret: sign(claims, secret, "HS384")
    yield "really HS512", lambda claims, secret: sign(claims, secret, "HS512")
    yield "wrong key", lambda claims, secret: sign(claims, secret + "x")
    yield "empty key", lambda claims, _: sign(claims, "")
    yield "no alg", lambda claims, secret: sign_raw('{"typ": "JWT"}', json.dumps(claims), secret)
    yield "cut signature", lambda claims, secret: sign(claims, secret)[:-10]
    yield "cut payload", lambda claims, secret: ".".join(sign(claims, secret).split(".")[::2])
    yield "an unknown critical extension", lambda claims, secret: sign(claims, secret, crit=["x"], x=1)
    yield "four parts", lambda claims, secret: sign(claims, secret) + ".x"
    yield "edited claims", edit_claims
    yield "deep header", nest_header
    yield "deep claims", nest_claims
    yield "8 KB of kid", lambda claims, secret: sign(claims, secret, kid="k" * 8192)
    yield "claims are a list", lambda claims, secret: sign_raw('{"alg": "HS256"}', json.dumps([claims]), secret)
    yield "header is a list", lambda claims, secret: sign_raw('["HS256"]', json.dumps(claims), secret)


def list_text_forgeries() -> Iterator[tuple[str, Forge]]:
    """Yield (name, forger) of well-signed tokens with a text in a claim that the service would never write there."""
    odd = {
        "empty": "",
        "a lone surrogate": "\ud800",
        "a NUL": "1\0",
        "a line": "1\n",
        "a colon": "1:2",
        "long": "1" * 99,
    }
    for name in ("sub", "username", "sid", "jti", "token_use"):
        for words, text in odd.items():
            if (name, words) != ("username", "a colon"):  # which is odd, but was never forbidden in SQL
                yield f"{name} {words}", alter(**{name: text})
    for text in ("0", "01", "-1", "+1", "1.0", "1e3", "0x1", " 1", "\u0661", "\uff11", "x", "99999999999"):
        yield f"sub {text!a}", alter(sub=text)
    for name in ("sid", "jti"):
        for words, text in {
            "another": "another",
            "short": "0" * 31,
            "upper case": "A" * 32,
            "dashes": "0-" * 16,
        }.items():
            yield f"{name} {words}", alter(**{name: text})


def list_time_forgeries() -> Iterator[tuple[str, Forge]]:
    """Yield (name, forger) of well-signed tokens with a time that is none, or is yet to come."""
    now = int(time.time())
    for name in ("iat", "nbf"):
        moments: dict[str, Any] = {
            "in an hour": now + 3600, "infinite": INFINITY, "a word": "now", "true": True, "negative": -1, "null": None,
            "a fraction": now + 0.5, "a number in a text": str(now), "beyond any year": 10**18, "endless": 10**1000,
        }  # fmt: skip
        yield from ((f"{name} {words}", alter(**{name: moment})) for words, moment in moments.items())
    yield "exp beyond any year", alter(exp=10**18)
    yield "exp endless", alter(exp=10**1000)


def list_claim_forgeries() -> Iterator[tuple[str, Forge]]:
    """Yield (name, forger) of well-signed tokens whose claims are wrong."""
    yield from list_text_forgeries()
    yield from list_time_forgeries()
    now = int(time.time())
    yield from ((f"no {name}", omit(name)) for name in CLAIMS)
    yield from ((f"{name} null", alter(**{name: None})) for name in CLAIMS)
    yield from ((f"{name} a list in a list", alter(**{name: [[]]})) for name in CLAIMS)
    yield from ((f"{name} another", alter(**{name: "another"})) for name in ("iss", "aud", "token_use"))
    yield "exp a number in a text", alter(exp=str(now + 900))
    expiries: list[Any] = [INFINITY, -INFINITY, NAN, "tomorrow", True, {}]
    for value in expiries:
        yield f"exp {value!r}", alter(exp=value)
    for number in ("1e999", "-1e999", "9" * 5000, "1.5e308"):
        yield f"exp {number}"[:12], write_expiry(number)
    for name, text in (("iss", "libros-auth"), ("aud", "libros")):
        yield f"{name} the right one in a list", alter(**{name: [text]})
    yield "token_use refresh", alter(token_use="refresh")
    yield "sub a number", alter(sub=1)
    yield "jti a number", alter(jti=1)


def list_stale_forgeries() -> Iterator[tuple[str, Forge]]:
    """Yield (name, forger) of well-signed, complete tokens that are expired or of no session."""
    yield from ((f"exp {value}", alter(exp=value)) for value in (-1, 0))
    yield "exp an hour ago", alter(exp=int(time.time()) - 3600)
    yield "another sid", alter(sid="0123456789abcdef" * 2)


def list_header_forgeries(url: str) -> Iterator[tuple[str, str]]:
    """Yield (name, token) of tokens signed with a key of the forger's own, whose headers say where it is found."""
    key = encode(FOREIGN_KEY.encode()).decode()
    headers: dict[str, Json] = {
        "jku": {"jku": url, "kid": "1"},
        "x5u": {"x5u": url},
        "kid is a URL": {"kid": url},
        "kid is a file": {"kid": "../../../../dev/null"},
        "kid is SQL": {"kid": "x' UNION SELECT 'key'; -- "},
        "jwk": {"jwk": {"kty": "oct", "k": key, "kid": "1", "x5u": url}},
        "x5c": {"x5c": [key], "x5u": url},
    }
    claims = {**dict.fromkeys(CLAIMS, "x"), "iss": url, "iat": int(time.time()), "exp": int(time.time()) + 900}
    for name, header in headers.items():
        for algorithm in ("HS256", "RS256"):
            yield f"{name} {algorithm}", sign(claims, FOREIGN_KEY, **{"alg": algorithm, **header})
