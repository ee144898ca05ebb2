"""The strongest peer that is known: the queries of the books service on FastAPI, for uvicorn with uvloop and httptools.

It answers from the same read model by the same scripts, one trip a request, and verifies a token once. It does not
write metrics or a log, sets no deadline, refuses nothing under load, and takes a read model for complete.
"""

import base64
import hashlib
from functools import lru_cache
from typing import Annotated, Any

import jwt
import redis.asyncio
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from redis.exceptions import NoScriptError

from backend.auth.tokens import ALGORITHM, AUDIENCE, ISSUER
from backend.config import settings
from backend.read_model.book import indexes_for
from backend.read_model.lookup import CATALOGUE, LAYOUT, ONE_BOOK, PAGE
from backend.stores.redis_store import Script

app = FastAPI()
store = redis.asyncio.Redis.from_url(settings().redis_url.get_secret_value())


@lru_cache(maxsize=1024)
def verify(token: str) -> dict[str, Any]:
    """Give the claims of a token."""
    secret = settings().jwt_secret.get_secret_value()
    return dict(jwt.decode(token, secret, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE))


async def identify(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    """Give the claims of the caller's token. FastAPI would call a plain function in a thread."""
    try:
        return verify(authorization.removeprefix("Bearer "))
    except jwt.PyJWTError:
        raise HTTPException(401) from None


Caller = Annotated[dict[str, Any], Depends(identify)]


async def ask(script: Script, caller: dict[str, Any], *arguments: str | int) -> list[Any]:
    """Run a script of the read model for a caller whose session lives."""
    keys = [f"session:{caller['sid']}", CATALOGUE, f"sessions_of:{caller['sub']}"]
    given: tuple[Any, ...] = (*keys, await find_run(), LAYOUT, *arguments)
    try:
        session, *found = await store.evalsha(script.sha, len(keys), *given)
    except NoScriptError:
        session, *found = await store.eval(script.text, len(keys), *given)
    if session is None:
        raise HTTPException(401)
    return list(found)


_run: list[str] = []


async def find_run() -> str:
    """Give the mark of the present run of Redis, asked for once."""
    if not _run:
        _run.append(f"run:{(await store.info('server'))['run_id']}")
    return _run[0]


@app.get("/health")
async def show_health() -> dict[str, str]:
    """Say that it lives."""
    return {"status": "ok"}


@app.get("/api/books/{isbn}")
async def show_book(isbn: str, caller: Caller) -> Response:
    """Show one book."""
    version, book = await ask(ONE_BOOK, caller, isbn)
    if book is None:
        raise HTTPException(404)
    etag = book.rpartition(b":")[2].rstrip(b"}").decode()
    headers = {"ETag": f'"{etag}"', "Catalogue-Version": version.decode()}
    return Response(book, media_type="application/json", headers=headers)


@app.get("/api/books")
async def list_books(
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    author: str | None = None,
    genre: str | None = None,
    format: str | None = None,
) -> Response:
    """Show the first page of the books that all filters match."""
    indexes = indexes_for(*(None if name is None else name.casefold() for name in (author, genre, format)))
    version, total, books, last = (*await ask(PAGE, caller, limit, "", *indexes), None)[:4]
    following = b"null"
    if last:
        title_key, _, isbn = last.decode().rpartition("\0")
        following = b'"%s"' % base64.urlsafe_b64encode(f"{isbn}{title_key}".encode()).rstrip(b"=")
    text = b'{"items":[%s],"next":%s,"total":%d}' % (books, following, total)
    headers = {"ETag": f'"{hashlib.sha256(text).hexdigest()[:32]}"', "Catalogue-Version": version.decode()}
    return Response(text, media_type="application/json", headers=headers)
