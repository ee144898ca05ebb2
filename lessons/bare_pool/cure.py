"""The same service with the pool of this project, backend/stores/pool.py."""

from flask import Flask
from flask.typing import ResponseReturnValue

from backend.errors import Unavailable
from backend.stores.pool import reading
from lessons.bare_pool.mistake import BOOK, FIRST

app = Flask(__name__)


@app.get("/book")
def read_book() -> ResponseReturnValue:
    """Answer with a book. If all connections are in use, reading() waits for one for up to DB_POOL_WAIT_MS (250)."""
    with reading() as cursor:
        cursor.execute(BOOK)
        return {"rows": len(cursor.fetchall())}


@app.get("/first")
def read_first() -> ResponseReturnValue:
    """Answer with the first book: the cursor has read the whole result, and leaves nothing on the connection."""
    with reading() as cursor:
        cursor.execute(FIRST)
        return {"title": cursor.fetchone()}


@app.errorhandler(Unavailable)
def say_unavailable(error: Unavailable) -> ResponseReturnValue:
    """Answer 503: whoever asks may come again."""
    return {"error": str(error)}, 503, {"Retry-After": "1"}
