"""The same services with the pool of this project: a process has DB_POOL_SIZE connections, and never more."""

from flask import Flask
from flask.typing import ResponseReturnValue

from backend.errors import Unavailable
from backend.stores.pool import reading
from lessons.connection_per_request.mistake import QUERIES

app = Flask(__name__)


@app.get("/<table>")
def read(table: str) -> ResponseReturnValue:
    """Answer 200 when MariaDB has answered, else 503: no connection was free in time, or the query took too long."""
    try:
        with reading() as cursor:
            cursor.execute(QUERIES[table])
            cursor.fetchall()
    except Unavailable as error:
        return {"error": str(error)}, 503, {"Retry-After": "1"}
    return {"table": table}
